//! Binds the system's libdpdk: `pkg-config` for the flags, `bindgen` for what the libraries export, `cc`
//! for the static inline functions that they do not (`shim/shim.c`).

use std::path::PathBuf;
use std::{env, panic, process};

/// The oldest DPDK whose structures the accessors of the `dpdk` crate were written for.
const OLDEST_VERSION: &str = "22.11";

/// The libraries that are called. No poll-mode driver is among them: EAL loads those from its plugin
/// folder, and a program that links one cannot be captured by `dpdk-dumpcap`.
const LIBRARIES: &[&str] = &[
    "rte_pdump",
    "rte_ip_frag",
    "rte_ethdev",
    "rte_mbuf",
    "rte_mempool",
    "rte_ring",
    "rte_telemetry",
    "rte_eal",
];

/// Functions that the libraries export.
const FUNCTIONS: &[&str] = &[
    // EAL and lcores
    "rte_eal_init",
    "rte_eal_cleanup",
    "rte_eal_remote_launch",
    "rte_eal_wait_lcore",
    "rte_eal_get_lcore_state",
    "rte_get_next_lcore",
    "rte_get_main_lcore",
    "rte_lcore_to_socket_id",
    "rte_strerror",
    "rte_version",
    "rte_get_tsc_hz",
    "rte_openlog_stream",
    // ports
    "rte_eth_find_next",
    "rte_eth_dev_is_valid_port",
    "rte_eth_dev_info_get",
    "rte_eth_dev_get_name_by_port",
    "rte_eth_dev_socket_id",
    "rte_eth_macaddr_get",
    "rte_eth_dev_configure",
    "rte_eth_dev_adjust_nb_rx_tx_desc",
    "rte_eth_rx_queue_setup",
    "rte_eth_tx_queue_setup",
    "rte_eth_dev_set_mtu",
    "rte_eth_dev_get_mtu",
    "rte_eth_promiscuous_enable",
    "rte_eth_dev_start",
    "rte_eth_dev_stop",
    "rte_eth_dev_close",
    "rte_eth_link_get_nowait",
    "rte_eth_stats_get",
    // mbufs
    "rte_pktmbuf_pool_create",
    "rte_pktmbuf_free_bulk",
    "rte_mempool_avail_count",
    "rte_mempool_in_use_count",
    // reassembly
    "rte_ip_frag_table_create",
    "rte_ip_frag_table_destroy",
    "rte_ip_frag_table_del_expired_entries",
    "rte_ip_frag_free_death_row",
    // capture
    "rte_pdump_init",
    "rte_pdump_uninit",
    // telemetry
    "rte_telemetry_register_cmd",
    "rte_tel_data_start_dict",
    "rte_tel_data_start_array",
    "rte_tel_data_add_dict_u64",
    "rte_tel_data_add_dict_string",
    "rte_tel_data_add_dict_container",
    "rte_tel_data_add_array_u64",
    "rte_tel_data_add_array_string",
    "rte_tel_data_alloc",
    "rte_tel_data_free",
    // ours
    "cf_.*",
];

/// Types that no listed function names.
const TYPES: &[&str] = &["rte_lcore_state_t", "rte_ip_frag_death_row"];

/// Macros and enumerators; the `RTE_BIT64` ones need `clang_macro_fallback`.
const CONSTANTS: &[&str] = &[
    "RTE_MAX_ETHPORTS",
    "RTE_MAX_LCORE",
    "RTE_PKTMBUF_HEADROOM",
    "RTE_MBUF_PORT_INVALID",
    "RTE_MEMPOOL_CACHE_MAX_SIZE",
    "RTE_MEMPOOL_NAMESIZE",
    "RTE_ETH_NAME_MAX_LEN",
    "RTE_ETHER_MIN_MTU",
    "RTE_LIBRTE_IP_FRAG_MAX_FRAG",
    "RTE_ETHER_HDR_LEN",
    "RTE_ETHER_CRC_LEN",
    "RTE_ETH_RSS_IPV4",
    "RTE_ETH_RSS_FRAG_IPV4",
    "RTE_ETH_RSS_NONFRAG_IPV4_OTHER",
    "RTE_ETH_RSS_IPV6",
    "RTE_ETH_RSS_FRAG_IPV6",
    "RTE_ETH_RSS_NONFRAG_IPV6_OTHER",
    "RTE_ETH_LINK_UP",
    "RTE_ETH_SPEED_NUM_UNKNOWN",
    "RTE_TEL_MAX_STRING_LEN",
    "RTE_TEL_MAX_DICT_ENTRIES",
    "RTE_TEL_MAX_ARRAY_ENTRIES",
];

fn main() {
    for file in ["build.rs", "shim/shim.c", "shim/shim.h"] {
        println!("cargo:rerun-if-changed={file}");
    }
    let dpdk = pkg_config::Config::new()
        .atleast_version(OLDEST_VERSION)
        .cargo_metadata(false)
        .probe("libdpdk")
        .unwrap_or_else(|_| {
            fail(&format!(
                "DPDK {OLDEST_VERSION} or newer was not found by pkg-config: install the Debian packages \
                 libdpdk-dev and pkg-config"
            ))
        });
    for path in &dpdk.link_paths {
        println!("cargo:rustc-link-search=native={}", path.display());
    }
    let flags = compiler_flags();
    compile_shim(&flags);
    for library in LIBRARIES {
        println!("cargo:rustc-link-lib=dylib={library}");
    }
    generate(&flags);
}

/// What `pkg-config --cflags` says, whole: `-march` and `-include rte_config.h` decide what the headers
/// mean, and the `pkg-config` crate keeps neither.
fn compiler_flags() -> Vec<String> {
    let program = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".into());
    let output = process::Command::new(program)
        .args(["--cflags", "libdpdk"])
        .output()
        .unwrap_or_else(|error| fail(&format!("pkg-config does not run: {error}")));
    String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

fn compile_shim(flags: &[String]) {
    let mut build = cc::Build::new();
    for flag in flags {
        build.flag(flag);
    }
    build
        .file("shim/shim.c")
        .opt_level(3)
        .warnings(true)
        .flag_if_supported("-Wno-unused-parameter")
        .compile("crowfly_dpdk_shim");
}

fn generate(flags: &[String]) {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_else(|| fail("OUT_DIR is not set")));
    let mut builder = bindgen::Builder::default()
        .header("shim/shim.h")
        .clang_args(flags)
        .derive_default(true)
        .derive_debug(false)
        .layout_tests(false)
        .generate_comments(false)
        .prepend_enum_name(false)
        .clang_macro_fallback()
        .clang_macro_fallback_build_dir(&out);
    for name in FUNCTIONS {
        builder = builder.allowlist_function(name);
    }
    for name in TYPES {
        builder = builder.allowlist_type(name);
    }
    for name in CONSTANTS {
        builder = builder.allowlist_var(name);
    }
    // Without libclang bindgen panics; its message names a variable, not a package.
    panic::set_hook(Box::new(|_| {}));
    let bindings = match panic::catch_unwind(panic::AssertUnwindSafe(|| builder.generate())) {
        Ok(Ok(bindings)) => bindings,
        Ok(Err(error)) => fail(&format!(
            "bindgen could not read the DPDK headers: install the Debian packages libdpdk-dev and \
             libclang-dev of one release\n({error})"
        )),
        Err(_) => fail("libclang was not found: install the Debian package libclang-dev"),
    };
    if let Err(error) = bindings.write_to_file(out.join("bindings.rs")) {
        fail(&format!("the bindings could not be written: {error}"));
    }
}

/// Ends the build with one sentence.
fn fail(sentence: &str) -> ! {
    eprintln!("error: {sentence}");
    process::exit(1);
}
