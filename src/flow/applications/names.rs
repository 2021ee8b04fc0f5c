//! What names add to the protocol: servers whose whole purpose a filter must know, and names that carry data themselves.

use std::collections::BTreeSet;

use super::Facts;
use crate::record::ApplicationBasis::{Content, Name};
use crate::record::ApplicationClass::{
    self, Anonymiser, EncryptedDns, Games, Messaging, P2p, Proxy, RemoteControl, Streaming, Tunnel,
    VoiceVideo, Vpn,
};

/// Public resolvers that are asked over HTTPS, as their operators document them; a name below one of them is the same.
const RESOLVERS: &[&str] = &[
    "adguard-dns.com",
    "cloudflare-dns.com",
    "controld.com",
    "dns.adguard.com",
    "dns.alidns.com",
    "dns.google",
    "dns.mullvad.net",
    "dns.nextdns.io",
    "dns.quad9.net",
    "dns.sb",
    "dns0.eu",
    "dns9.quad9.net",
    "dns10.quad9.net",
    "dns11.quad9.net",
    "doh.cleanbrowsing.org",
    "doh.opendns.com",
    "doh.pub",
    "one.one.one.one",
];
/// Makers of virtual private networks and of ways round a filter, where their programs ask and where their servers are, as their
/// own pages and the domains of their programs have it. Class and name are those that rules know.
const BYPASSES: &[(&str, &str, ApplicationClass)] = &[
    ("nordvpn.com", "nordvpn", Vpn),
    ("nordvpn.net", "nordvpn", Vpn),
    ("expressvpn.com", "expressvpn", Vpn),
    ("expressapisv2.net", "expressvpn", Vpn),
    ("surfshark.com", "surfshark", Vpn),
    ("protonvpn.com", "protonvpn", Vpn),
    ("protonvpn.ch", "protonvpn", Vpn),
    ("protonvpn.net", "protonvpn", Vpn),
    ("mullvad.net", "mullvad", Vpn),
    ("privateinternetaccess.com", "private_internet_access", Vpn),
    ("cyberghostvpn.com", "cyberghost", Vpn),
    ("ipvanish.com", "ipvanish", Vpn),
    ("tunnelbear.com", "tunnelbear", Vpn),
    ("windscribe.com", "windscribe", Vpn),
    ("hotspotshield.com", "hotspot_shield", Vpn),
    ("hsselite.com", "hotspot_shield", Vpn),
    ("vyprvpn.com", "vyprvpn", Vpn),
    ("purevpn.com", "purevpn", Vpn),
    ("hide.me", "hide_me", Vpn),
    ("softether.net", "softether", Vpn),
    ("softether-network.net", "softether", Vpn),
    ("vpnazure.net", "softether", Vpn),
    ("vpngate.net", "vpn_gate", Vpn),
    ("cloudflareclient.com", "cloudflare_warp", Vpn),
    ("urban-vpn.com", "urban_vpn", Vpn),
    ("hola.org", "hola", Vpn),
    ("holavpnworld.com", "hola", Vpn),
    ("zenmate.com", "zenmate", Vpn),
    ("betternet.co", "betternet", Vpn),
    ("tailscale.com", "tailscale", Vpn),
    ("zerotier.com", "zerotier", Vpn),
    ("psiphon.ca", "psiphon", Anonymiser),
    ("psiphon3.com", "psiphon", Anonymiser),
    ("psiphontoday.com", "psiphon", Anonymiser),
    ("getlantern.org", "lantern", Anonymiser),
    ("lantern.io", "lantern", Anonymiser),
    ("ultrasurf.us", "ultrasurf", Anonymiser),
    ("ultrareach.com", "ultrasurf", Anonymiser),
    ("wujieliulan.com", "ultrasurf", Anonymiser),
    ("croxyproxy.com", "web_proxy", Proxy),
    ("kproxy.com", "web_proxy", Proxy),
    ("hidester.com", "web_proxy", Proxy),
];
/// Whose servers these are, where that says more than that they speak TLS: remote control, messages, games, calls, films.
const MAKERS: &[(&str, &str, ApplicationClass)] = &[
    ("anydesk.com", "anydesk", RemoteControl),
    ("teamviewer.com", "teamviewer", RemoteControl),
    ("rustdesk.com", "rustdesk", RemoteControl),
    ("logmein.com", "logmein", RemoteControl),
    ("splashtop.com", "splashtop", RemoteControl),
    ("parsec.app", "parsec", RemoteControl),
    (
        "remotedesktop.google.com",
        "chrome_remote_desktop",
        RemoteControl,
    ),
    ("whatsapp.net", "whatsapp", Messaging),
    ("whatsapp.com", "whatsapp", Messaging),
    ("telegram.org", "telegram", Messaging),
    ("t.me", "telegram", Messaging),
    ("signal.org", "signal", Messaging),
    ("whispersystems.org", "signal", Messaging),
    ("discord.com", "discord", Messaging),
    ("discord.gg", "discord", Messaging),
    ("discordapp.com", "discord", Messaging),
    ("discordapp.net", "discord", Messaging),
    ("discord.media", "discord", VoiceVideo),
    ("snapchat.com", "snapchat", Messaging),
    ("sc-cdn.net", "snapchat", Messaging),
    ("viber.com", "viber", Messaging),
    ("wechat.com", "wechat", Messaging),
    ("threema.ch", "threema", Messaging),
    ("slack.com", "slack", Messaging),
    ("zoom.us", "zoom", VoiceVideo),
    ("webex.com", "webex", VoiceVideo),
    ("skype.com", "skype", VoiceVideo),
    ("teams.microsoft.com", "teams", VoiceVideo),
    ("meet.google.com", "google_meet", VoiceVideo),
    ("steampowered.com", "steam", Games),
    ("steamcommunity.com", "steam", Games),
    ("steamcontent.com", "steam", Games),
    ("steamstatic.com", "steam", Games),
    ("roblox.com", "roblox", Games),
    ("rbxcdn.com", "roblox", Games),
    ("epicgames.com", "epicgames", Games),
    ("epicgames.dev", "epicgames", Games),
    ("fortnite.com", "epicgames", Games),
    ("riotgames.com", "riotgames", Games),
    ("leagueoflegends.com", "riotgames", Games),
    ("minecraft.net", "minecraft", Games),
    ("mojang.com", "minecraft", Games),
    ("xboxlive.com", "xbox", Games),
    ("playstation.net", "playstation", Games),
    ("battle.net", "blizzard", Games),
    ("supercell.com", "supercell", Games),
    ("spotify.com", "spotify", Streaming),
    ("scdn.co", "spotify", Streaming),
    ("youtube.com", "youtube", Streaming),
    ("googlevideo.com", "youtube", Streaming),
    ("ytimg.com", "youtube", Streaming),
    ("netflix.com", "netflix", Streaming),
    ("nflxvideo.net", "netflix", Streaming),
    ("twitch.tv", "twitch", Streaming),
    ("ttvnw.net", "twitch", Streaming),
    ("tiktok.com", "tiktok", Streaming),
    ("tiktokcdn.com", "tiktok", Streaming),
    ("tiktokv.com", "tiktok", Streaming),
];
/// Makers of programs for file exchange, where those programs ask.
const PEERS: &[&str] = &["bittorrent.com", "utorrent.com"];
/// How many different names of one making carry data, and how long each is.
const MANY: usize = 16;
const LONG: usize = 32;
/// No name of the public tree ends in a label as long: it is data, sent straight to a server.
const NO_ENDING: usize = 26;

/// Sharpens what the content said by the names in it.
pub(super) fn judge(facts: &mut Facts) {
    let below = |names: &[&str]| names.iter().any(|name| is_below(&facts.server_name, name));
    let found: Option<(&'static str, ApplicationClass)> = match facts.application {
        "tls" | "quic" if below(RESOLVERS) => Some(("dns_over_https", EncryptedDns)),
        "tls" | "quic" if below(PEERS) => Some(("bittorrent", P2p)),
        "tls" | "quic" => of_maker(&facts.server_name, BYPASSES)
            .filter(|_| !is_page(&facts.server_name))
            .or_else(|| of_maker(&facts.server_name, MAKERS)),
        "http" => of_maker(&facts.server_name, MAKERS),
        _ => None,
    };
    if let Some((name, class)) = found {
        facts.application = name;
        facts.class = Some(class);
        facts.basis = Some(Name);
    } else if facts.application == "dns"
        && carries_data(&facts.dns_queries.iter().collect::<Vec<_>>())
    {
        facts.application = "dns_tunnel";
        facts.class = Some(Tunnel);
        facts.basis = Some(Content);
    }
}

/// Whether this is where a maker shows its wares: reading of a network is not being in it. Its programs ask other hosts.
fn is_page(host: &str) -> bool {
    host.starts_with("www.") || BYPASSES.iter().any(|(domain, _, _)| *domain == host)
}

/// What a list of makers says of a host.
fn of_maker(
    host: &str,
    makers: &[(&str, &'static str, ApplicationClass)],
) -> Option<(&'static str, ApplicationClass)> {
    if host.is_empty() {
        return None;
    }
    makers
        .iter()
        .find(|(domain, _, _)| is_below(host, domain))
        .map(|(_, name, class)| (*name, *class))
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Whether half of the names are long, different, and under one domain or behind one first label.
fn carries_data(names: &[&str]) -> bool {
    let long: Vec<&str> = names
        .iter()
        .copied()
        .filter(|name| name.len() >= LONG)
        .collect();
    if long.len() < MANY || long.len() * 2 < names.len() {
        return false;
    }
    let domains: BTreeSet<&str> = long.iter().filter_map(|name| domain(name)).collect();
    if domains.len() == 1 {
        return !domains.iter().any(|domain| domain.ends_with(".arpa"));
    }
    let firsts: BTreeSet<&str> = long
        .iter()
        .filter_map(|name| name.split('.').next())
        .collect();
    let is_no_ending = |name: &&&str| {
        let last = name.rsplit('.').next().unwrap_or_default();
        last.len() >= NO_ENDING
    };
    firsts.len() == 1 && long.iter().filter(|name| is_no_ending(name)).count() >= MANY
}

/// The last two labels.
fn domain(name: &str) -> Option<&str> {
    let last = name.rfind('.')?;
    match name.get(..last)?.rfind('.') {
        Some(second) => name.get(second + 1..),
        None => Some(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(names: &[String]) -> Vec<&str> {
        names.iter().map(String::as_str).collect()
    }

    #[test]
    fn long_names_under_one_domain_are_data_and_a_day_of_browsing_is_not() {
        let data: Vec<String> = (0..20)
            .map(|n| format!("{n:032x}.t.example.test"))
            .collect();
        assert!(carries_data(&texts(&data)));
        let short: Vec<String> = (0..20).map(|n| format!("host{n}.example.test")).collect();
        assert!(!carries_data(&texts(&short)));
        let spread: Vec<String> = (0..20).map(|n| format!("{n:032x}.site{n}.test")).collect();
        assert!(!carries_data(&texts(&spread)));
    }

    #[test]
    fn a_name_below_a_resolver_is_the_same_and_one_that_only_ends_alike_is_not() {
        assert!(is_below("mozilla.cloudflare-dns.com", "cloudflare-dns.com"));
        assert!(!is_below("notdns.google", "dns.google"));
    }
}
