//! Owns which network addresses a webhook may reach; knows nothing of what is sent there.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Every address behind a name belongs to a private network.
#[derive(Debug, thiserror::Error)]
#[error("the address is private, and `allow_private_network` is not set on this channel")]
pub(super) struct PrivateAddress;

/// How names are looked up.
type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// Resolves names to public addresses only. The client asks it anew for every connection and connects to exactly what it
/// answers: between the check and the connection nobody looks the name up again, so no second answer (rebinding) can lead
/// elsewhere. Redirects are not followed, no proxy resolves names behind its back, and a host that is written as an
/// address, which is not resolved at all, is checked when the channel is opened.
pub(super) struct PublicOnly(Lookup);

impl PublicOnly {
    /// As the machine looks names up.
    pub fn new() -> Self {
        Self(Arc::new(|name| {
            Box::pin(async move { Ok(tokio::net::lookup_host((name.as_str(), 0)).await?.collect()) })
        }))
    }
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let found = (self.0)(name.as_str().to_owned());
        Box::pin(async move {
            let public: Vec<SocketAddr> = found.await?.into_iter().filter(|a| !is_private(a.ip())).collect();
            match public.is_empty() {
                true => Err(PrivateAddress.into()),
                false => Ok(Box::new(public.into_iter()) as Addrs),
            }
        })
    }
}

/// The address that a URL's host is written as, if it is one.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// True for the names and addresses of this machine.
pub(in crate::channel) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || literal(host).is_some_and(|ip| embedded(ip).is_loopback())
}

/// True for every address that is not plainly one of the public internet.
pub(super) fn is_private(address: IpAddr) -> bool {
    match embedded(address) {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => is_private_v6(v6),
    }
}

fn is_private_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    v4.is_loopback()
        || v4.is_private()
        || v4.is_link_local()
        || v4.is_documentation()
        || matches!((a, b, c), (0 | 224.., _, _) | (100, 64..=127, _) | (192, 0, 0) | (198, 18 | 19, _))
}

/// Only 2000::/3 is handed out to the public; of it, documentation and Teredo are not peers either.
fn is_private_v6(v6: Ipv6Addr) -> bool {
    let [first, second, ..] = v6.segments();
    !(0x2000..0x4000).contains(&first) || (first == 0x2001 && matches!(second, 0 | 0xdb8))
}

/// The IPv4 address inside an IPv6 one (mapped, compatible, NAT64, 6to4): what the packet would reach in the end.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let v4 = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => v4(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn private_is_all_that_is_not_plainly_public() {
        let private = "0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 127.9.9.9 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.8 \
                       192.168.1.1 198.18.0.1 198.19.1.1 192.0.2.1 224.0.0.1 255.255.255.255 :: ::1 fe80::1 fc00::1 \
                       fd12::1 ff02::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::127.0.0.1 64:ff9b::10.0.0.1 2002:7f00:1:: \
                       2001:db8::1 2001:0:1::1 64:ff9b:1::1";
        for address in private.split_whitespace() {
            assert!(is_private(address.parse().unwrap()), "{address} counts as public");
        }
        let public = "1.1.1.1 8.8.8.8 100.63.0.1 100.128.0.1 172.15.0.1 172.32.0.1 192.0.1.1 198.17.0.1 198.20.0.1 \
                      2606:4700::1111 2404:6800:4008::1 ::ffff:1.1.1.1 64:ff9b::1.1.1.1 2002:101:101::";
        for address in public.split_whitespace() {
            assert!(!is_private(address.parse().unwrap()), "{address} counts as private");
        }
    }

    #[test]
    fn loopback_has_many_names() {
        assert!(
            ["localhost", "LocalHost", "127.0.0.1", "127.1.2.3", "[::1]", "::1"].into_iter().all(is_loopback)
        );
        assert!(!["example.org", "10.0.0.1", "localhost.example"].into_iter().any(is_loopback));
    }

    #[tokio::test]
    async fn a_name_for_this_machine_is_not_resolved() {
        let refused = PublicOnly::new().resolve("localhost".parse().unwrap()).await.err().unwrap();
        assert!(refused.is::<PrivateAddress>());
    }

    /// Answers the first look-up with the first line, and so on; each line holds addresses.
    fn answering(lines: &'static [&'static str]) -> PublicOnly {
        let asked = AtomicUsize::new(0);
        PublicOnly(Arc::new(move |_| {
            let line = lines[asked.fetch_add(1, Ordering::SeqCst).min(lines.len() - 1)];
            let found = line.split(' ').map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect();
            Box::pin(std::future::ready(Ok(found)))
        }))
    }

    async fn resolved(resolver: &PublicOnly) -> Option<Vec<String>> {
        let found = resolver.resolve("hook.example".parse().unwrap()).await.ok()?;
        Some(found.map(|address| address.ip().to_string()).collect())
    }

    #[tokio::test]
    async fn of_mixed_answers_the_public_ones_count() {
        let table = [
            ("10.0.0.1 1.1.1.1 ::ffff:127.0.0.1", Some(vec!["1.1.1.1".to_owned()])),
            ("::1 169.254.169.254", None),
            ("2606:4700::1111 fe80::1", Some(vec!["2606:4700::1111".to_owned()])),
        ];
        for (answer, public) in table {
            assert_eq!(resolved(&answering(Vec::leak(vec![answer]))).await, public, "{answer}");
        }
    }

    /// A name that was public when it was first looked up, and then points into the house.
    #[tokio::test]
    async fn a_name_that_is_bound_anew_is_checked_anew() {
        let inner = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        inner.set_nonblocking(true).unwrap();
        let rebinding = answering(&["1.1.1.1", "127.0.0.1"]);
        assert_eq!(resolved(&rebinding).await, Some(vec!["1.1.1.1".to_owned()]));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().dns_resolver(rebinding).build().unwrap();
        let url = format!("http://hook.example:{}/", inner.local_addr().unwrap().port());
        let refused = client.post(url).send().await.unwrap_err();
        let causes = std::iter::successors(Some(&refused as &dyn std::error::Error), |e| e.source());
        assert!(causes.into_iter().any(|cause| cause.is::<PrivateAddress>()), "{refused:?}");
        assert!(inner.accept().is_err(), "nobody came");
    }
}
