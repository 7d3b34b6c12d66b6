//! Plans and manifests: one line of JSON each, behind it its checksum.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::report::ArchivedFile;

/// Of the documents; a later one says what this does not know.
pub(super) const VERSION: u32 = 1;

/// Hosts, or what is said of them, by cluster.
pub(super) type ByCluster<T> = BTreeMap<String, T>;

/// What a run is going to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) version: u32,
    /// The directory that the files go to.
    pub(super) archive: String,
    pub(super) cut: i64,
    /// `<cluster>/<t>.parquet`; none of them exists.
    pub(super) files: Vec<String>,
    pub(super) hosts: ByCluster<Vec<String>>,
}

/// What runs have done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) version: u32,
    pub(super) files: Vec<ArchivedFile>,
    /// The archive marks, by host.
    pub(super) marks: ByCluster<BTreeMap<String, i64>>,
}

/// The two kinds.
pub(super) trait Document: Serialize + DeserializeOwned {
    const ENDING: &'static str;
    fn version(&self) -> u32;
}

impl Document for Plan {
    const ENDING: &'static str = "plan";

    fn version(&self) -> u32 {
        self.version
    }
}

impl Document for Manifest {
    const ENDING: &'static str = "manifest";

    fn version(&self) -> u32 {
        self.version
    }
}

pub(super) fn encode(document: &impl Document) -> Result<Vec<u8>, String> {
    let mut bytes = serde_json::to_vec(document).map_err(|error| error.to_string())?;
    let checksum = format!("\n{:08x}\n", crc32fast::hash(&bytes));
    bytes.extend(checksum.into_bytes());
    Ok(bytes)
}

pub(super) fn decode<T: Document>(bytes: &[u8]) -> Result<T, String> {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (body, checksum) = bytes.split_at(end);
    if checksum != format!("\n{:08x}\n", crc32fast::hash(body)).as_bytes() {
        return Err("its checksum does not fit".to_owned());
    }
    let document: T = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    match document.version() {
        VERSION => Ok(document),
        other => Err(format!("version {other}: not known here")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by hand; the checksum is zlib's of the line.
    const PLAN: &str = concat!(
        r#"{"version":1,"archive":"/a","cut":-7,"files":["c/-7.parquet"],"hosts":{"c":["h1","h2"]}}"#,
        "\n2ab627d1\n"
    );

    fn plan() -> Plan {
        Plan {
            version: 1,
            archive: "/a".into(),
            cut: -7,
            files: vec!["c/-7.parquet".into()],
            hosts: [("c".into(), vec!["h1".into(), "h2".into()])].into(),
        }
    }

    #[test]
    fn a_document_is_a_line_of_json_and_its_checksum() {
        assert_eq!(encode(&plan()), Ok(PLAN.as_bytes().to_vec()));
        assert_eq!(decode(PLAN.as_bytes()), Ok(plan()));
    }

    #[test]
    fn no_flipped_bit_and_no_cut_passes_for_a_document() {
        let bytes = encode(&plan()).unwrap();
        for at in 0..bytes.len() {
            assert!(decode::<Plan>(&bytes[..at]).is_err(), "{at}");
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                assert!(decode::<Plan>(&bytes).is_err(), "{at}.{bit}");
            }
        }
        let later = Plan { version: 2, ..plan() };
        let refused = decode::<Plan>(&encode(&later).unwrap()).unwrap_err();
        assert_eq!(refused, "version 2: not known here");
    }
}
