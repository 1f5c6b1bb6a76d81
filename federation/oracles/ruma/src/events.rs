//! Single events through ruma-signatures and ruma-common: signing, and the verdict of a receiver.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use ruma_common::{
    CanonicalJsonObject, RoomVersionId,
    canonical_json::redact,
    room_version_rules::RoomVersionRules,
    serde::Base64,
};
use ruma_signatures::{
    Ed25519KeyPair, PublicKeyMap, Verified, content_hash, hash_and_sign_event, reference_hash, verify_event,
};
use ruma_state_res::check_pdu_format;
use serde::{Deserialize, Serialize};

fn rules_of(version: &str) -> RoomVersionRules {
    RoomVersionId::try_from(version).expect("a room version").rules().expect("a known room version")
}

#[derive(Deserialize)]
struct SignRequest {
    room_version: String,
    server: String,
    key_version: String,
    /// The 32 bytes of the private key in standard Base64.
    seed: String,
    event: CanonicalJsonObject,
}

/// Hashes and signs an event; answers with the event.
pub fn sign(line: &str) -> String {
    let request: SignRequest = serde_json::from_str(line).expect("a request to sign");
    let rules = rules_of(&request.room_version);
    let seed = STANDARD.decode(request.seed).expect("Base64");
    let mut der = vec![
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ];
    der.extend(seed);
    let pair = Ed25519KeyPair::from_der(&der, request.key_version).expect("a key");
    let mut event = request.event;
    hash_and_sign_event(&request.server, &pair, &mut event, &rules.redaction).expect("signed");
    serde_json::to_string(&event).expect("serialisable")
}

#[derive(Deserialize)]
struct JudgeRequest {
    room_version: String,
    /// The event's JSON text: what is no canonical JSON must reach the parser.
    text: String,
    /// Public keys in Base64 by server and key id.
    keys: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Serialize, Default)]
struct Verdict {
    /// `ok`, `redact` (the content hash does not fit) or `drop`.
    verdict: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redacted: Option<CanonicalJsonObject>,
}

fn dropped(reason: String) -> Verdict {
    Verdict { verdict: "drop".into(), reason: Some(reason), ..Default::default() }
}

/// What a receiver makes of an event: format, then signatures and hash.
pub fn judge(line: &str) -> String {
    let request: JudgeRequest = serde_json::from_str(line).expect("a request to judge");
    serde_json::to_string(&judged(&request)).expect("serialisable")
}

fn judged(request: &JudgeRequest) -> Verdict {
    let rules = rules_of(&request.room_version);
    let event: CanonicalJsonObject = match serde_json::from_str(&request.text) {
        Ok(event) => event,
        Err(error) => return dropped(format!("not canonical JSON: {error}")),
    };
    if let Err(error) = check_pdu_format(&event, &rules.event_format) {
        return dropped(format!("format: {error}"));
    }
    let keys: PublicKeyMap = request
        .keys
        .iter()
        .map(|(server, keys)| {
            let keys = keys
                .iter()
                .map(|(id, key)| (id.clone(), Base64::parse(key.as_str()).expect("Base64")))
                .collect();
            (server.clone(), keys)
        })
        .collect();
    let verified = match verify_event(&keys, &event, &rules) {
        Ok(verified) => verified,
        Err(error) => return dropped(format!("signature: {error}")),
    };
    Verdict {
        verdict: if verified == Verified::All { "ok".into() } else { "redact".into() },
        reason: None,
        reference_hash: reference_hash(&event, &rules).ok(),
        content_hash: content_hash(&event).ok().map(|hash| hash.encode()),
        redacted: redact(event, &rules.redaction, None).ok(),
    }
}
