//! The rules, one file each. A new rule is its file here with its two lines, its SQL, and its folder of fixtures.

mod beaconing;
mod bulk_upload;
mod bypass_after_block;
mod category_hit;
mod clear_text_secrets;
mod denial_of_service_source;
mod dns_tunnel;
mod encrypted_dns;
mod filter_coverage_gap;
mod flow_storm;
mod foreign_resolver;
mod fronted_request;
mod hidden_server_name;
mod leaver_active;
mod link_saturated;
mod malware_contact;
mod misuse_rising;
mod open_proxy;
mod password_guessing;
mod peer_to_peer;
mod remote_control_tunnel;
mod scanning;
mod source_gap;
mod sustained_high_volume;
mod tor_use;
mod unknown_encrypted_bulk;
mod vpn_tunnel;
mod web_proxy;

use super::Rule;

/// Every rule, by its id.
pub static RULES: &[&dyn Rule] = &[
    &beaconing::BEACONING,
    &bulk_upload::BULK_UPLOAD,
    &bypass_after_block::BYPASS_AFTER_BLOCK,
    &category_hit::CategoryHit,
    &clear_text_secrets::CLEAR_TEXT_SECRETS,
    &denial_of_service_source::DENIAL_OF_SERVICE_SOURCE,
    &dns_tunnel::DNS_TUNNEL,
    &encrypted_dns::ENCRYPTED_DNS,
    &filter_coverage_gap::FilterCoverageGap,
    &flow_storm::FLOW_STORM,
    &foreign_resolver::FOREIGN_RESOLVER,
    &fronted_request::FRONTED_REQUEST,
    &hidden_server_name::HIDDEN_SERVER_NAME,
    &leaver_active::LEAVER_ACTIVE,
    &link_saturated::LinkSaturated,
    &malware_contact::MALWARE_CONTACT,
    &misuse_rising::MisuseRising,
    &open_proxy::OPEN_PROXY,
    &password_guessing::PASSWORD_GUESSING,
    &peer_to_peer::PEER_TO_PEER,
    &remote_control_tunnel::REMOTE_CONTROL_TUNNEL,
    &scanning::SCANNING,
    &source_gap::SourceGap,
    &sustained_high_volume::SustainedHighVolume,
    &tor_use::TOR_USE,
    &unknown_encrypted_bulk::UNKNOWN_ENCRYPTED_BULK,
    &vpn_tunnel::VPN_TUNNEL,
    &web_proxy::WEB_PROXY,
];
