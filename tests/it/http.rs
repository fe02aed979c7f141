//! The face over real sockets, before closures that remember; what the daemon answers is not its concern.

use std::sync::{Arc, Mutex};

use replenish::channel::Shop;
use replenish::daemon::Reloaded;
use replenish::desk::feedback::Received;
use replenish::desk::push::PushError;
use replenish::desk::unsubscribe::Choice;
use replenish::domain::feedback::{Feedback, FeedbackKind};
use replenish::http::{Face, router, serve};
use replenish::store::StoreError;
use reqwest::{Client, Method, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use page::{buttons, members, stop_one};

mod page;

type Stops = Arc<Mutex<Vec<(String, Choice)>>>;

/// A running face. `anna` reads English, `ming` Chinese: of their messages nothing is known. `amy` and `mei` were
/// reminded of something; what is to be stopped for `broken` cannot be recorded.
struct Running {
    client: Client,
    base: String,
    troubles: Arc<Mutex<Vec<(String, String)>>>,
    stops: Stops,
    reports: Arc<Mutex<Vec<Feedback>>>,
    stop: CancellationToken,
    served: JoinHandle<std::io::Result<()>>,
}

async fn running() -> Running {
    running_with(None).await
}

/// Lets callers with this token in.
async fn running_with(token: Option<&str>) -> Running {
    let troubles = Arc::new(Mutex::new(Vec::new()));
    let stops = Stops::default();
    let reports = Arc::new(Mutex::new(Vec::new()));
    let (told, recorded, received) = (troubles.clone(), stops.clone(), reports.clone());
    let known = Arc::new(Mutex::new(members()));
    let members = known.clone();
    let face = Face {
        troubles: Arc::new(move || told.lock().unwrap().clone()),
        rules: Arc::new(|| "0123456789abcdef".to_owned()),
        metrics: Arc::new(|| "replenish_in_flight 0\n".to_owned()),
        choices: Arc::new(move |token| {
            let found = known.lock().unwrap().get(&token).cloned();
            Box::pin(async move { found })
        }),
        stop: Arc::new(move |token, choice| {
            let works = token != "broken";
            if works {
                stop_one(members.lock().unwrap().get_mut(&token).unwrap(), choice);
                recorded.lock().unwrap().push((token, choice));
            }
            Box::pin(async move { works })
        }),
        shop: Shop {
            name: Some("Beans & <Co>".to_owned()),
            url: Some("https://shop.example/?a=1&b=\"2".to_owned()),
            ..Shop::default()
        },
        token: token.map(|token| token.to_owned().into()),
        reload: Arc::new(|| {
            let reloaded = Reloaded { rules_hash: "0123456789abcdef".to_owned(), changed: true };
            Box::pin(async move { Ok(reloaded) })
        }),
        receive: Arc::new(move |reports| {
            let received = received.clone();
            Box::pin(async move {
                let broken = reports.iter().any(|r| r.id.as_deref() == Some("broken"));
                let read = reports.len() as u64;
                received.lock().unwrap().extend(reports);
                (!broken).then(|| Received { read, recorded: read, ..Received::default() })
            })
        }),
        push: Arc::new(|_, _| Box::pin(async { Err(PushError::Store(StoreError::Full)) })),
        shopify_secret: Some("hush".to_owned().into()),
        woocommerce_secret: None,
        hear: Arc::new(|_, _| Box::pin(async { None })),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let served = tokio::spawn(serve(listener, router(face), stop.clone()));
    Running { client: client(), base, troubles, stops, reports, stop, served }
}

fn client() -> Client {
    // Already installed is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

impl Running {
    async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.base)).send().await.unwrap()
    }

    async fn post(&self, path: &str, kind: &str, body: impl Into<reqwest::Body>) -> Response {
        let request = self.client.post(format!("{}{path}", self.base));
        request.header("content-type", kind).body(body).send().await.unwrap()
    }

    fn stops(&self) -> Vec<(String, Choice)> {
        self.stops.lock().unwrap().clone()
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn alive_is_not_ready() {
    let face = running().await;
    let ready = face.get("/readyz").await;
    assert_eq!(ready.status(), 200);
    assert_eq!(ready.text().await.unwrap(), r#"{"ready":true,"rules":"0123456789abcdef","troubles":[]}"#);
    face.troubles.lock().unwrap().push(("queue".to_owned(), "redis is \"away\"".to_owned()));
    let ready = face.get("/readyz").await;
    assert_eq!(
        (ready.status().as_u16(), &ready.headers()["content-type"]),
        (503, &"application/json".parse().unwrap())
    );
    let body: serde_json::Value = serde_json::from_str(&ready.text().await.unwrap()).unwrap();
    let troubles = serde_json::json!([{"part": "queue", "problem": "redis is \"away\""}]);
    assert_eq!(body, serde_json::json!({"ready": false, "rules": "0123456789abcdef", "troubles": troubles}));
    let alive = face.get("/healthz").await;
    assert_eq!((alive.status().as_u16(), alive.text().await.unwrap().as_str()), (200, "ok"));
}

#[tokio::test]
async fn metrics_are_what_prometheus_reads() {
    let face = running().await;
    let metrics = face.get("/metrics").await;
    assert_eq!(metrics.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(metrics.text().await.unwrap(), "replenish_in_flight 0\n");
}

#[tokio::test]
async fn looking_at_the_page_changes_nothing() {
    let face = running().await;
    for (token, lang, button) in [("anna", "en", "Stop reminders"), ("ming", "zh-TW", "停止回購提醒")] {
        let page = face.get(&format!("/u/{token}")).await;
        assert_eq!(
            (page.status().as_u16(), &page.headers()["content-language"]),
            (200, &lang.parse().unwrap())
        );
        let html = page.text().await.unwrap();
        assert!(html.contains(&format!("<html lang=\"{lang}\">")) && html.contains(button), "{html}");
        assert_eq!(buttons(&html), ["reminders", "all"]);
        let head = face.client.head(format!("{}/u/{token}", face.base)).send().await.unwrap();
        assert_eq!(head.status(), 200);
    }
    assert_eq!(face.stops(), []);
}

#[tokio::test]
async fn posting_stops_what_the_form_says_as_often_as_it_is_posted() {
    let face = running().await;
    let multipart =
        "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
    let cases = [
        ("anna", FORM, "purpose=reminder", Choice::Reminders, "Reminders are stopped"),
        ("anna", FORM, "purpose=all", Choice::All, "Messages are stopped"),
        ("ming", FORM, "purpose=reminder", Choice::Reminders, "已停止回購提醒"),
        ("ming", FORM, "List-Unsubscribe=One-Click", Choice::All, "已停止所有訊息"),
        ("ming", FORM, "List-Unsubscribe=One-Click", Choice::All, "已停止所有訊息"),
        ("anna", "multipart/form-data; boundary=b", multipart, Choice::All, "Messages are stopped"),
        ("anna", "text/plain", "", Choice::All, "Messages are stopped"),
    ];
    for (token, kind, body, purpose, says) in cases {
        let answer = face.post(&format!("/u/{token}"), kind, body).await;
        assert_eq!(answer.status(), 200, "{body}");
        assert!(answer.text().await.unwrap().contains(says), "{body}");
        assert_eq!(face.stops().last(), Some(&(token.to_owned(), purpose)), "{body}");
    }
    assert_eq!(face.stops().len(), cases.len());
}

#[tokio::test]
async fn what_is_not_ours_is_not_found() {
    let face = running().await;
    for path in ["/u/forged", "/u/%FF", "/u/anna%20"] {
        for answer in [face.get(path).await, face.post(path, FORM, "purpose=all").await] {
            assert_eq!(answer.status(), 404, "{path}");
            let html = answer.text().await.unwrap();
            assert!(html.contains("not valid") && html.contains("此連結無效"), "{html}");
        }
    }
    for path in ["/", "/u", "/u/anna/more"] {
        assert_eq!(face.get(path).await.status(), 404, "{path}");
    }
    let put = face.client.request(Method::PUT, format!("{}/u/anna", face.base)).send().await.unwrap();
    assert_eq!(put.status(), 405);
    assert_eq!(face.stops(), []);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_confirmed() {
    let face = running().await;
    let answer = face.post("/u/broken", FORM, "List-Unsubscribe=One-Click").await;
    assert_eq!(answer.status(), 503);
    assert!(answer.text().await.unwrap().contains("try again"));
}

#[tokio::test]
async fn every_page_is_guarded_by_its_headers() {
    let face = running().await;
    let pages = [
        face.get("/u/anna").await,
        face.get("/u/forged").await,
        face.post("/u/anna", FORM, "").await,
        face.post("/u/broken", FORM, "").await,
    ];
    for page in pages {
        let header = |name: &str| page.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("content-type"), "text/html; charset=utf-8");
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        let html = page.text().await.unwrap();
        assert!(!html.contains("<script") && !html.contains(" style="), "{html}");
    }
}

#[tokio::test]
async fn bodies_are_bounded() {
    let face = running().await;
    assert_eq!(face.post("/u/anna", FORM, "a".repeat(64 * 1024)).await.status(), 200);
    assert_eq!(face.post("/u/anna", FORM, "a".repeat(64 * 1024 + 1)).await.status(), 413);
    assert_eq!(face.stops().len(), 1);
}

#[tokio::test]
async fn a_stop_lets_the_request_under_way_finish() {
    let face = running().await;
    let address = face.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"POST /u/anna HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 16\r\n\r\n")
        .await
        .unwrap();
    // The interim answer tells that the request is being read.
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    face.stop.cancel();
    stream.write_all(b"purpose=reminder").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    face.served.await.unwrap().unwrap();
    assert_eq!(face.stops.lock().unwrap().as_slice(), [("anna".to_owned(), Choice::Reminders)]);
    assert!(TcpStream::connect(address).await.is_err());
}

/// The status and the whole body of a call to `path` with this Authorization.
async fn called(face: &Running, method: Method, path: &str, authorization: Option<&str>) -> (u16, String) {
    let mut request = face.client.request(method, format!("{}{path}", face.base));
    if let Some(shown) = authorization {
        request = request.header("authorization", shown);
    }
    let answer = request.send().await.unwrap();
    let challenged = answer.headers().get("www-authenticate").map(|v| v.to_str().unwrap().to_owned());
    assert_eq!(challenged.as_deref(), (answer.status() == 401).then_some("Bearer"));
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn whoever_shows_no_token_learns_nothing_of_what_is_there() {
    let face = running_with(Some("s3cret")).await;
    let everywhere = [
        (Method::POST, "/v1/reload"),
        (Method::GET, "/v1/reload"),
        (Method::GET, "/v1/nothing"),
        (Method::GET, "/v1/reload/nothing"),
        (Method::POST, "/v1/events"),
        (Method::POST, "/v1/orders"),
        (Method::GET, "/v1/members"),
    ];
    for (method, path) in everywhere {
        for shown in
            [None, Some("Bearer s3cre"), Some("Bearer s3cret0"), Some("Bearer "), Some("Basic s3cret")]
        {
            let (status, body) = called(&face, method.clone(), path, shown).await;
            assert_eq!(status, 401, "{method} {path} {shown:?}");
            assert!(body.contains("Authorization: Bearer") && !body.contains("s3cret"), "{body}");
        }
    }
    let right = Some("Bearer s3cret");
    let (status, body) = called(&face, Method::POST, "/v1/reload", right).await;
    assert_eq!((status, &*body), (200, r#"{"rules_hash":"0123456789abcdef","changed":true}"#));
    assert_eq!(called(&face, Method::GET, "/v1/reload", right).await.0, 405);
    assert_eq!(called(&face, Method::GET, "/v1/nothing", right).await.0, 404);
}

#[tokio::test]
async fn without_a_token_in_the_settings_nobody_may_call() {
    let face = running().await;
    for shown in [None, Some("Bearer "), Some("Bearer x")] {
        let (status, body) = called(&face, Method::POST, "/v1/reload", shown).await;
        assert_eq!(status, 403, "{shown:?}");
        assert!(body.contains("set `token` under [http]"), "{body}");
    }
}

/// The status and the answer to events posted with the token.
async fn told(face: &Running, body: impl Into<reqwest::Body>) -> (u16, serde_json::Value) {
    let request = face.client.post(format!("{}/v1/events", face.base)).bearer_auth("s3cret").body(body);
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text)))
}

#[tokio::test]
async fn events_are_taken_in_and_the_good_ones_count_beside_bad_ones() {
    let face = running_with(Some("s3cret")).await;
    let good = r#"{"type":"bounce","member":"m1"}"#;
    let (status, answer) = told(&face, format!("{good}\n{{}}\n{good}")).await;
    assert_eq!((status, &answer["read"], &answer["recorded"]), (200, &2.into(), &2.into()), "{answer}");
    assert_eq!(answer["rejected"][0]["line"], 2);
    assert!(answer["rejected"][0]["reason"].as_str().unwrap().contains("type"), "{answer}");
    let kinds: Vec<_> = face.reports.lock().unwrap().iter().map(|report| report.kind).collect();
    assert_eq!(kinds, [FeedbackKind::HardBounce; 2]);
    for body in ["", "nonsense", "[{}]", "[{", "{}"] {
        let (status, answer) = told(&face, body).await;
        assert_eq!(status, 400, "{body}: {answer}");
        assert!(answer["error"].is_string() && answer["rejected"].is_array(), "{answer}");
    }
    assert_eq!(told(&face, "[]").await.0, 200);
    let (status, answer) = told(&face, r#"{"type":"bounce","member":"m1","id":"broken"}"#).await;
    assert_eq!(status, 503);
    assert!(answer["error"].as_str().unwrap().contains("again"), "{answer}");
}

#[tokio::test]
async fn a_megabyte_of_events_is_read_and_no_more() {
    let face = running_with(Some("s3cret")).await;
    let event = r#"{"type":"bounce","member":"m1"}"#;
    let padded = |size: usize| format!("{event}{}", " ".repeat(size - event.len()));
    assert_eq!(told(&face, padded(1024 * 1024)).await.0, 200);
    assert_eq!(told(&face, padded(1024 * 1024 + 1)).await.0, 413);
    assert_eq!(face.reports.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn while_the_ledger_fails_shops_are_told_to_come_again() {
    let face = running_with(Some("s3cret")).await;
    let pushed = face.client.post(format!("{}/v1/orders", face.base)).bearer_auth("s3cret").body("{}");
    // of an empty body, by the secret `hush`
    let signature = "Knm8rWjeSXNIt2H0AOMT7DQ8/YSy8sQi/pEjbuUmGMs=";
    let hooked =
        face.client.post(format!("{}/v1/shopify", face.base)).header("x-shopify-hmac-sha256", signature);
    for request in [pushed, hooked] {
        let answer = request.send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["retry-after"]),
            (503, &"10".parse().unwrap())
        );
        assert!(answer.text().await.unwrap().contains("send the same again"));
    }
}
