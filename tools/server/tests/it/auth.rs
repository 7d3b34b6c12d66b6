//! Tokens.

use crate::world::{Answer, World};
use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use server::{KeyError, Limits, Tokens};
use std::sync::atomic::Ordering;

/// The private key of RFC 8037, appendix A, in the shell of RFC 8410.
const PRIVATE: &str = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";
/// Its public key.
const PUBLIC: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

fn token(claims: &Value) -> String {
    let key = EncodingKey::from_ed_der(&BASE64_STANDARD.decode(PRIVATE).unwrap());
    encode(&Header::new(Algorithm::EdDSA), claims, &key).unwrap()
}

fn world(role: Option<&str>) -> World {
    let tokens = Tokens::new(PUBLIC, role.map(str::to_owned)).unwrap();
    World::with(Some(tokens), Limits::default())
}

async fn ask(world: &World, method: &str, path: &str, authorization: &str) -> Answer {
    let request = Request::builder().method(method).uri(path);
    let request = match authorization {
        "" => request,
        value => request.header("Authorization", value),
    };
    world.send(request.body(Body::from("[]")).unwrap()).await
}

async fn status(world: &World, claims: &Value) -> u16 {
    ask(world, "GET", "/api/debug", &format!("Bearer {}", token(claims))).await.status
}

#[tokio::test]
async fn a_token_counts_between_its_times() {
    let world = world(None);
    let now = 1_900_000_000;
    world.now.store(now, Ordering::Relaxed);
    for (claims, expected) in [
        (json!({}), 200),
        (json!({"sub": "somebody", "roles": ["api"], "exp": now + 1}), 200),
        (json!({"exp": now}), 401),
        (json!({"exp": now - 1}), 401),
        (json!({"exp": 1_900_000_000.5}), 200),
        (json!({"exp": "soon"}), 401),
        (json!({"nbf": now}), 200),
        (json!({"nbf": now + 1}), 401),
        (json!({"iat": now}), 200),
        (json!({"iat": now + 1}), 401),
        (json!({"aud": "other", "iss": "other"}), 200),
    ] {
        assert_eq!(status(&world, &claims).await, expected, "{claims}");
        assert_eq!(status(&world, &claims).await, expected, "{claims}, remembered");
    }
}

#[tokio::test]
async fn a_token_that_is_remembered_expires_all_the_same() {
    let world = world(None);
    let claims = json!({"exp": 1_900_000_010});
    assert_eq!(status(&world, &claims).await, 200);
    world.now.store(1_900_000_010, Ordering::Relaxed);
    assert_eq!(status(&world, &claims).await, 401);
}

#[tokio::test]
async fn whatever_is_no_token_of_this_key_is_denied_in_plain_text() {
    let world = world(None);
    let good = token(&json!({}));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let unsigned = format!("{}.{}.", part(r#"{"alg":"none"}"#), part("{}"));
    let symmetric =
        encode(&Header::default(), &json!({}), &EncodingKey::from_secret(PUBLIC.as_bytes()));
    let other =
        signature.replace(&signature[..1], if signature.starts_with('A') { "B" } else { "A" });
    let mut denied = vec![
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        good.clone(),
        format!("Basic {good}"),
        format!("bearer {good}"),
        format!("Bearer {unsigned}"),
        format!("Bearer {}", symmetric.unwrap()),
        format!("Bearer {signed}."),
        format!("Bearer {signed}.{other}"),
        format!("Bearer {}.{}.{signature}", part(r#"{"alg":"EdDSA"}"#), part(r#"{"roles":["x"]}"#)),
        format!("Bearer {}", "x".repeat(20_000)),
    ];
    denied.extend((0..good.len()).map(|end| format!("Bearer {}", &good[..end])));
    for authorization in denied {
        for path in ["/api/debug", "/api/nothing", "/api/v1/series"] {
            let answer = ask(&world, "GET", path, &authorization).await;
            assert_eq!(answer.status, 401, "{path} {authorization}");
            assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        }
    }
    assert_eq!(ask(&world, "GET", "/api/debug", &format!("Bearer {good}")).await.status, 200);
    assert_eq!(ask(&world, "GET", "/metrics", "").await.status, 200);
    assert_eq!(ask(&world, "GET", "/-/healthy", "").await.status, 200);
}

#[tokio::test]
async fn free_and_debug_need_the_role_if_there_is_one() {
    let with_role = world(Some("admin"));
    let without = world(None);
    let admin = format!("Bearer {}", token(&json!({"roles": ["api", "admin"]})));
    let user = format!("Bearer {}", token(&json!({"roles": ["api"]})));
    for (method, path) in [
        ("GET", "/api/debug"),
        ("GET", "/api/debug/"),
        ("POST", "/api/free?to=1"),
        ("POST", "/api/free/?to=1"),
    ] {
        assert_eq!(ask(&with_role, method, path, &admin).await.status, 200, "{path}");
        assert_eq!(ask(&with_role, method, path, &user).await.status, 401, "{path}");
        assert_eq!(ask(&without, method, path, &user).await.status, 200, "{path}");
    }
    assert_eq!(ask(&with_role, "POST", "/api/write", &user).await.status, 400);
}

#[tokio::test]
async fn more_tokens_than_are_remembered_are_all_checked() {
    let world = world(None);
    for _ in 0..2 {
        for number in 0..1100 {
            assert_eq!(status(&world, &json!({"sub": number})).await, 200);
        }
    }
}

#[test]
fn a_key_is_standard_base64_of_32_bytes() {
    for (key, error) in [
        ("", KeyError::Length(0)),
        ("AAAA", KeyError::Length(3)),
        ("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", KeyError::Base64),
        ("not base64", KeyError::Base64),
    ] {
        assert_eq!(Tokens::new(key, None).unwrap_err(), error, "{key}");
    }
    assert!(Tokens::new(&format!(" {PUBLIC}\n"), None).is_ok());
}

#[tokio::test]
async fn who_is_sent_away_is_counted() {
    let world = world(None);
    for path in ["/api/query", "/api/nothing/"] {
        assert_eq!(ask(&world, "GET", path, "Bearer x").await.status, 401);
    }
    let page = ask(&world, "GET", "/metrics", "").await;
    let counted = r#"levelstore_http_requests_total{path="/api/",status="401"} 2"#;
    assert!(page.text().lines().any(|line| line == counted), "{}", page.text());
}
