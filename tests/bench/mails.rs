//! Mails a second to a sink on the same machine: this program's channel beside lettre's own pool.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lettre::transport::smtp::PoolConfig;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use ring::signature::{Ed25519KeyPair, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use replenish::channel::{
    Channel, Dkim, DkimKey, EmailOptions, Letter, Pace, Relay, RelayOptions, Rendered, sample,
};
use replenish::domain::job::Delivery;
use replenish::domain::member::Purpose;

/// Connections, and mails under way at once.
const CONNECTIONS: usize = 50;
/// Mails of one run, and of lettre's, which is slower.
const MAILS: usize = 20_000;
const FEWER_MAILS: usize = 2_000;
/// The sender of every mail.
const FROM: &str = "Shop <hello@shop.example>";

/// Runs each way in turn, and prints one object a row.
pub fn mails() {
    let port = sink();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let pool = runtime.block_on(by_lettre(port));
    print("lettre's pool, unsigned", FEWER_MAILS, pool, None);
    let signed = |key: DkimKey| {
        let dkim = vec![Dkim { domain: "shop.example".to_owned(), selector: "s".to_owned(), key }];
        EmailOptions { dkim, ..options(port) }
    };
    let ways = [
        ("replenish, unsigned", options(port)),
        ("replenish, Ed25519 DKIM", signed(ed25519())),
        ("replenish, RSA-2048 DKIM", signed(rsa())),
    ];
    for (name, options) in ways {
        let seconds = runtime.block_on(by_channel(options));
        let factor = (pool / FEWER_MAILS as f64) / (seconds / MAILS as f64);
        print(name, MAILS, seconds, Some(factor));
    }
}

fn print(way: &str, mails: usize, seconds: f64, factor: Option<f64>) {
    println!(
        "{}",
        json!({
            "bench": "mails", "way": way, "connections": CONNECTIONS, "mails": mails, "seconds": seconds,
            "mails_per_second": (mails as f64 / seconds).round(), "factor": factor,
        })
    );
}

fn ed25519() -> DkimKey {
    DkimKey::Ed25519(Arc::new(Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()))
}

fn rsa() -> DkimKey {
    let key = PrivatePkcs8KeyDer::from_pem_slice(include_bytes!("../it/channel/keys/rsa.pem")).unwrap();
    DkimKey::Rsa(Arc::new(RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap()))
}

fn options(port: u16) -> EmailOptions {
    let relay = Relay::parse(&format!("smtp://127.0.0.1:{port}"), false).unwrap();
    EmailOptions {
        from: FROM.to_owned(),
        reply_to: None,
        unsubscribe_mailbox: None,
        dkim: Vec::new(),
        relays: vec![RelayOptions { relay, rate: None, ca: None }],
        domain_rates: BTreeMap::new(),
        timeout: Duration::from_secs(30),
        connections: CONNECTIONS,
    }
}

/// Seconds for [`MAILS`] letters, each written, taken its turn for and handed over as the daemon does.
async fn by_channel(options: EmailOptions) -> f64 {
    let channel = Channel::email(options, Pace::local()).unwrap();
    let send = move |channel: Channel, letter: Arc<Letter>| async move {
        let turn = channel.turn(None, Some("example.tw"), Duration::from_secs(30)).await.unwrap();
        assert_eq!(channel.deliver(&letter, turn).await.result, Delivery::Delivered);
    };
    let letter = Arc::new(letter());
    in_parallel(MAILS, move || send(channel.clone(), letter.clone())).await
}

/// Seconds for [`FEWER_MAILS`] mails through lettre's own pool; one mail, written once.
async fn by_lettre(port: u16) -> f64 {
    let pool = PoolConfig::new().max_size(CONNECTIONS as u32);
    let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1");
    let transport = transport.port(port).pool_config(pool).build();
    let Rendered { subject, text, .. } = letter().rendered.unwrap();
    let to = "wang@example.tw".parse().unwrap();
    let mail = Message::builder().from(FROM.parse().unwrap()).to(to).subject(subject).body(text).unwrap();
    let mail = Arc::new((mail.envelope().clone(), mail.formatted()));
    let send = move |transport: AsyncSmtpTransport<Tokio1Executor>, mail: Arc<(_, Vec<u8>)>| async move {
        transport.send_raw(&mail.0, &mail.1).await.unwrap();
    };
    in_parallel(FEWER_MAILS, move || send(transport.clone(), mail.clone())).await
}

/// Seconds for so many sends, [`CONNECTIONS`] at a time; connections are opened before the clock runs.
async fn in_parallel<F: Future<Output = ()> + Send + 'static>(
    sends: usize,
    send: impl Fn() -> F + Clone + Send + Sync + 'static,
) -> f64 {
    let run = async |count: usize| {
        let left = Arc::new(AtomicUsize::new(count));
        let each = (0..CONNECTIONS).map(|_| {
            let (left, send) = (left.clone(), send.clone());
            tokio::spawn(async move {
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
                    send().await;
                }
            })
        });
        for one in each.collect::<Vec<_>>() {
            one.await.unwrap();
        }
    };
    run(CONNECTIONS * 2).await;
    let started = Instant::now();
    run(sends).await;
    started.elapsed().as_secs_f64()
}

fn letter() -> Letter {
    let text = "王小明 您好\n\n您的咖啡豆大約在下週用完,現在訂購最剛好。\n".repeat(8);
    Letter {
        job: "j-4711".into(),
        rule: "refill".into(),
        step: 1,
        purpose: Purpose::Reminder,
        valid_until: "2026-03-12T02:00:00Z".parse().unwrap(),
        content: sample("zh-TW"),
        email: Some("wang@example.tw".to_owned()),
        contacts: BTreeMap::new(),
        unsubscribe_url: "https://mail.shop.example/u/AAAAAAAAACoAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        rendered: Some(Rendered { subject: "您的咖啡豆快用完了".to_owned(), text, html: None }),
        sent_at: "2026-03-02T02:00:00Z".parse().unwrap(),
        now: "2026-03-02T02:00:00Z".parse().unwrap(),
    }
}

/// The port of a mail server on a thread of its own, which takes whatever it is given.
fn sink() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let accept = async move {
        let listener = TcpListener::from_std(listener).unwrap();
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(take(stream));
        }
    };
    std::thread::spawn(move || runtime.block_on(accept));
    port
}

/// Answers every line until the peer hangs up; answers to what came together go together.
async fn take(stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut stream = BufReader::new(stream);
    let (mut line, mut answer, mut in_text) = (Vec::new(), b"220 sink\r\n".to_vec(), false);
    loop {
        if !answer.is_empty() && !stream.buffer().contains(&b'\n') {
            stream.get_mut().write_all(&answer).await.ok()?;
            answer.clear();
        }
        line.clear();
        if stream.read_until(b'\n', &mut line).await.ok()? == 0 {
            return None;
        }
        let said: &[u8] = match (in_text, line.as_slice()) {
            (true, b".\r\n") => b"250 queued\r\n",
            (true, _) => continue,
            (false, [b'D', ..]) => b"354 go on\r\n",
            (false, [b'E', ..]) => b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
            (false, _) => b"250 well\r\n",
        };
        in_text = said.starts_with(b"354");
        answer.extend_from_slice(said);
    }
}
