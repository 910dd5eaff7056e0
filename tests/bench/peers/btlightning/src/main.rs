//! Echo over btlightning: its own server, and its own client as the load.
//!   btlightning-peer serve                              listens on a free port of loopback and prints it
//!   btlightning-peer load PORT BYTES AT_ONCE COUNT      prints one JSON object, as bench_load does
//! All requests of a load share one QUIC connection, as those of a validator do: AT_ONCE streams are open on it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Instant;

use btlightning::{
    LightningClient, LightningServer, LightningServerConfig, QuicAxonInfo, QuicRequest, Result, Sr25519Signer,
    SynapseHandler,
};
use rmpv::Value;
use sp_core::{crypto::Ss58Codec, sr25519, Pair};

const MINER: [u8; 32] = [1; 32];
const VALIDATOR: [u8; 32] = [2; 32];

struct Echo;

impl SynapseHandler for Echo {
    fn handle(&self, _: &str, data: HashMap<String, Value>) -> Result<HashMap<String, Value>> {
        Ok(data)
    }
}

fn address(seed: &[u8; 32]) -> String {
    sr25519::Pair::from_seed(seed).public().to_ss58check()
}

async fn serve() -> Result<()> {
    let config = LightningServerConfig::builder().max_handshake_attempts_per_minute(1_000_000).build()?;
    let mut server = LightningServer::with_config(address(&MINER), "127.0.0.1".into(), 0, config)?;
    server.set_miner_keypair(MINER);
    server.register_synapse_handler("Echo".into(), Arc::new(Echo)).await?;
    server.start().await?;
    println!("{}", server.local_addr()?.port());
    server.serve_forever().await
}

/// Sends one request after the other until `left` are none, and says in microseconds how long each took.
async fn ask(client: Arc<LightningClient>, axon: QuicAxonInfo, message: Value, left: Arc<AtomicUsize>) -> Vec<u64> {
    let mut took = vec![];
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
        let data = HashMap::from([("message".to_string(), message.clone())]);
        let start = Instant::now();
        let answer = client.query_axon(axon.clone(), QuicRequest { synapse_type: "Echo".into(), data }).await;
        let echoed = answer.expect("no answer").data;
        assert_eq!(echoed.get("message"), Some(&message));
        took.push(start.elapsed().as_micros() as u64);
    }
    took
}

async fn load(port: u16, bytes: usize, at_once: usize, count: usize) -> Result<()> {
    let axon = QuicAxonInfo { hotkey: address(&MINER), ip: "127.0.0.1".into(), port, protocol: 4 };
    let mut client = LightningClient::new(address(&VALIDATOR));
    client.set_signer(Box::new(Sr25519Signer::from_seed(VALIDATOR)));
    client.initialize_connections(vec![axon.clone()]).await?;
    let (client, left) = (Arc::new(client), Arc::new(AtomicUsize::new(count)));
    let message = Value::from("lorem ipsum ".chars().cycle().take(bytes).collect::<String>());

    let start = Instant::now();
    let callers: Vec<_> =
        (0..at_once).map(|_| tokio::spawn(ask(client.clone(), axon.clone(), message.clone(), left.clone()))).collect();
    let mut took = vec![];
    for caller in callers {
        took.extend(caller.await.expect("a caller failed"));
    }
    let seconds = start.elapsed().as_secs_f64();
    took.sort_unstable();
    let quantile = |share: f64| took[((took.len() as f64 * share) as usize).min(took.len() - 1)];
    println!(
        r#"{{"ok":{},"ok_per_s":{:.1},"p50_us":{},"p99_us":{}}}"#,
        took.len(),
        took.len() as f64 / seconds,
        quantile(0.5),
        quantile(0.99)
    );
    Ok(())
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| words[at].parse().expect("a number");
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => serve().await,
        ["load", _, _, _, _] => load(number(1) as u16, number(2), number(3), number(4)).await,
        _ => panic!("btlightning-peer serve | load PORT BYTES AT_ONCE COUNT"),
    }
}
