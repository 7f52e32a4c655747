#![no_main]

#[path = "../src/engines.rs"]
mod engines;

libfuzzer_sys::fuzz_target!(|data: &[u8]| engines::engines(data));
