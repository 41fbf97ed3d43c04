//! Which hosts planes may have.

use std::net::IpAddr;

use openchoreo_core::client::{ClientError, HostPattern, PlaneHosts};

/// What a list of patterns says of a server.
fn verdict(patterns: &str, server: &str) -> &'static str {
    let hosts: PlaneHosts = patterns.parse().expect("patterns");
    match hosts.check(server) {
        Ok(()) => "permitted",
        Err(ClientError::HostRefused { .. }) => "refused",
        Err(ClientError::Malformed { .. }) => "malformed",
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_host_is_permitted_or_refused_by_what_stands_in_the_url() {
    let cases = [
        // By default: all but this machine, its links and its cluster.
        ("*", "https://api.example.com:6443", "permitted"),
        ("*", "https://rancher.example.com/k8s/clusters/c-1", "permitted"),
        ("*", "https://10.1.2.3:6443", "permitted"),
        ("*", "https://[2001:db8::1]:6443", "permitted"),
        ("*", "https://127.0.0.1:6443", "refused"),
        ("*", "https://127.9.9.9", "refused"),
        ("*", "https://[::1]:6443", "refused"),
        ("*", "https://[::ffff:127.0.0.1]", "refused"),
        ("*", "https://[64:ff9b::7f00:1]", "refused"),
        ("*", "https://localhost:6443", "refused"),
        ("*", "https://LOCALHOST.", "refused"),
        ("*", "https://a.localhost", "refused"),
        ("*", "https://169.254.169.254", "refused"),
        ("*", "https://[fe80::1]", "refused"),
        ("*", "https://[fd00:ec2::254]", "refused"),
        ("*", "https://100.100.100.200", "refused"),
        ("*", "https://0.0.0.0:6443", "refused"),
        ("*", "https://0.1.2.3", "refused"),
        ("*", "https://[::]", "refused"),
        ("*", "https://224.0.0.1", "refused"),
        ("*", "https://[ff02::1]", "refused"),
        ("*", "https://255.255.255.255", "refused"),
        ("*", "https://kubernetes", "refused"),
        ("*", "https://kubernetes.default.svc", "refused"),
        ("*", "https://kubernetes.default.svc.", "refused"),
        ("*", "https://kubernetes.default.svc.cluster.local:443", "refused"),
        ("*", "https://vault.tools.svc.my.domain", "refused"),
        // Numbers that only some parsers read as addresses are names without a dot.
        ("*", "https://2130706433", "refused"),
        ("*", "https://0x7f000001", "refused"),
        // Extended.
        ("*,127.0.0.0/8", "https://127.0.0.1:6443", "permitted"),
        ("*,127.0.0.0/8", "https://169.254.169.254", "refused"),
        ("*,kubernetes.default.svc", "https://kubernetes.default.svc", "permitted"),
        ("*, *.tools.svc", "https://vault.tools.svc", "permitted"),
        ("*,*.tools.svc", "https://tools.svc", "refused"),
        // Restricted.
        ("*.planes.example.com", "https://a.planes.example.com", "permitted"),
        ("*.planes.example.com", "https://A.Planes.Example.Com", "permitted"),
        ("*.planes.example.com", "https://planes.example.com", "refused"),
        ("*.planes.example.com", "https://evilplanes.example.com", "refused"),
        ("*.planes.example.com", "https://10.1.2.3", "refused"),
        ("10.0.0.0/8", "https://10.1.2.3", "permitted"),
        ("10.0.0.0/8", "https://11.1.2.3", "refused"),
        // Where networks are listed, what a name resolves to decides.
        ("10.0.0.0/8", "https://api.example.com", "permitted"),
        ("10.0.0.0/8", "https://kubernetes", "refused"),
        // What no host is.
        ("*", "http://api.example.com", "malformed"),
        ("*", "api.example.com", "malformed"),
        ("*", "https://", "malformed"),
        ("*", "https://user@api.example.com", "malformed"),
        ("*", "https://api.example.com:port", "malformed"),
        ("*", "https://api.example.com?query", "malformed"),
        ("*", "https://$(run)", "malformed"),
    ];
    for (patterns, server, expected) in cases {
        assert_eq!(verdict(patterns, server), expected, "{server} with {patterns}");
    }
}

#[test]
fn what_a_name_resolves_to_is_judged_too() {
    let cases = [
        ("*", "api.example.com", "10.1.2.3", true),
        ("*", "api.example.com", "127.0.0.1", false),
        ("*", "api.example.com", "169.254.169.254", false),
        ("*", "api.example.com", "::ffff:169.254.169.254", false),
        ("*,127.0.0.0/8", "localhost", "127.0.0.1", true),
        // A name alone permits no address that is refused by default: whoever owns the name could move it there.
        ("*.example.com", "api.example.com", "169.254.169.254", false),
        ("*.example.com", "api.example.com", "10.1.2.3", true),
        ("*.example.com", "api.example.org", "10.1.2.3", false),
        ("10.0.0.0/8", "api.example.org", "10.1.2.3", true),
        ("10.0.0.0/8", "api.example.org", "192.0.2.1", false),
    ];
    for (patterns, name, address, expected) in cases {
        let hosts: PlaneHosts = patterns.parse().expect("patterns");
        let address: IpAddr = address.parse().expect("an address");
        assert_eq!(hosts.permits_address(name, address), expected, "{name} at {address} with {patterns}");
    }
}

#[test]
fn patterns_keep_their_text_and_wrong_ones_are_refused() {
    let text = "*,api.example.com,*.example.com,10.0.0.0/8,::1/128";
    assert_eq!(text.parse::<PlaneHosts>().expect("patterns").to_string(), text);
    assert_eq!(PlaneHosts::default().to_string(), "*");
    assert_eq!("10.1.2.3".parse(), Ok(HostPattern::Network { address: IpAddr::from([10, 1, 2, 3]), bits: 32 }));
    for wrong in ["", "*.", "a b", "10.0.0.0/33", "10.0.0.0/x", "https://a", "a..b", "*a", "a,,b"] {
        assert!(wrong.parse::<PlaneHosts>().is_err(), "{wrong} is taken");
    }
}
