//! As much of an HTTP client as a measurement needs: requests one after the other on a connection that
//! stays open.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// Collectors that send at a time.
const CONNECTIONS: usize = 4;
/// No answer of a server under load takes longer.
const PATIENCE: Duration = Duration::from_mins(2);
const ANSWER_BYTES_MAX: u64 = 256 << 20;

#[derive(Debug)]
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
    address: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Connection {
    /// To `host:port`.
    pub(super) fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("connect {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream), address: address.to_owned() })
    }

    pub(super) fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> Result<Answer> {
        self.ask_with(method, path, "", body)
    }

    /// With more headers, each ended by a line end.
    pub(super) fn ask_with(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> Result<Answer> {
        let (address, length) = (&self.address, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {length}\r\n\r\n"
        );
        // In one piece: the server's first read has the whole of a small request.
        self.stream.get_mut().write_all(&[head.as_bytes(), body].concat())?;
        answer(&mut self.stream).with_context(|| format!("{method} {path}"))
    }
}

/// Posts bodies over some connections at a time, each its share one after the other. The milliseconds
/// that each took; every answer is to be 200 or 204.
pub(super) fn post_all(
    address: &str,
    path: &str,
    headers: &str,
    bodies: &[&[u8]],
) -> Result<Vec<f64>> {
    let share = |number: usize| -> Result<Vec<f64>> {
        let mut connection = Connection::open(address)?;
        let mut waited_ms = Vec::new();
        for body in bodies.iter().skip(number).step_by(CONNECTIONS) {
            let began = Instant::now();
            let answer = connection.ask_with("POST", path, headers, body)?;
            waited_ms.push(began.elapsed().as_secs_f64() * 1e3);
            if !matches!(answer.status, 200 | 204) {
                let what = String::from_utf8_lossy(&answer.body);
                bail!("POST {path}: {} {what}", answer.status);
            }
        }
        Ok(waited_ms)
    };
    let share = &share;
    let all = thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CONNECTIONS).map(|number| scope.spawn(move || share(number))).collect();
        clients.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    let mut waited_ms = Vec::new();
    for client in all {
        waited_ms.extend(client.map_err(|_| anyhow::anyhow!("a client has failed"))??);
    }
    Ok(waited_ms)
}

fn answer(stream: &mut impl BufRead) -> Result<Answer> {
    let status = line(stream)?;
    let status = status.split(' ').nth(1).and_then(|text| text.parse().ok());
    let status: u16 = status.context("no status")?;
    let (mut length, mut is_chunked) = (0_u64, false);
    loop {
        let header = line(stream)?.to_ascii_lowercase();
        match header.split_once(':') {
            None => break,
            Some(("content-length", value)) => length = value.trim().parse()?,
            Some(("transfer-encoding", value)) => is_chunked = value.trim() == "chunked",
            Some(_) => {}
        }
    }
    let mut body = Vec::new();
    if is_chunked {
        loop {
            let size = u64::from_str_radix(line(stream)?.trim(), 16).context("size of a chunk")?;
            take(stream, size, &mut body)?;
            ensure!(line(stream)?.is_empty(), "a chunk is longer than it says");
            if size == 0 {
                break;
            }
        }
    } else {
        take(stream, length, &mut body)?;
    }
    Ok(Answer { status, body })
}

fn take(stream: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> Result<()> {
    ensure!(body.len() as u64 + length <= ANSWER_BYTES_MAX, "the answer is too long");
    let read = stream.take(length).read_to_end(body)?;
    ensure!(read as u64 == length, "the answer ends early");
    Ok(())
}

fn line(stream: &mut impl BufRead) -> Result<String> {
    let mut text = String::new();
    if stream.take(64 << 10).read_line(&mut text)? == 0 {
        bail!("the server has closed the connection");
    }
    Ok(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Answer> {
        answer(&mut text.as_bytes())
    }

    #[test]
    fn an_answer_with_a_length_ends_there() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1";
        assert_eq!(read(text).unwrap(), Answer { status: 200, body: b"ab".to_vec() });
        assert!(read("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab").is_err());
    }

    #[test]
    fn an_answer_in_chunks_is_put_together() {
        let head = "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n";
        let body = "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";
        let answer = read(&format!("{head}{body}")).unwrap();
        assert_eq!(answer, Answer { status: 404, body: b"abc0123456789".to_vec() });
    }

    #[test]
    fn an_answer_without_a_body_and_one_that_ends_are_told_apart() {
        assert_eq!(read("HTTP/1.1 204 No Content\r\n\r\n").unwrap().body, b"");
        assert!(read("HTTP/1.1 204 No").unwrap_err().to_string().contains("closed"));
    }
}
