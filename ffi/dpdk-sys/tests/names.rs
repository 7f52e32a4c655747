//! Every function and constant that the `dpdk` crate uses, by name. bindgen is silent about what it does not
//! see (a function that became inline, a macro that it cannot evaluate); this file is not.

use dpdk_sys as sys;

/// The address of each function: a name that is missing does not compile, a symbol that is missing does not
/// link.
#[test]
fn every_function_in_use_is_bound() {
    let functions = [
        sys::rte_eal_init as *const (),
        sys::rte_eal_cleanup as *const (),
        sys::rte_eal_remote_launch as *const (),
        sys::rte_eal_wait_lcore as *const (),
        sys::rte_eal_get_lcore_state as *const (),
        sys::rte_get_next_lcore as *const (),
        sys::rte_get_main_lcore as *const (),
        sys::rte_lcore_to_socket_id as *const (),
        sys::rte_strerror as *const (),
        sys::rte_version as *const (),
        sys::rte_get_tsc_hz as *const (),
        sys::rte_openlog_stream as *const (),
        sys::rte_eth_find_next as *const (),
        sys::rte_eth_dev_is_valid_port as *const (),
        sys::rte_eth_dev_info_get as *const (),
        sys::rte_eth_dev_get_name_by_port as *const (),
        sys::rte_eth_dev_socket_id as *const (),
        sys::rte_eth_macaddr_get as *const (),
        sys::rte_eth_dev_configure as *const (),
        sys::rte_eth_dev_adjust_nb_rx_tx_desc as *const (),
        sys::rte_eth_rx_queue_setup as *const (),
        sys::rte_eth_tx_queue_setup as *const (),
        sys::rte_eth_dev_set_mtu as *const (),
        sys::rte_eth_dev_get_mtu as *const (),
        sys::rte_eth_promiscuous_enable as *const (),
        sys::rte_eth_dev_start as *const (),
        sys::rte_eth_dev_stop as *const (),
        sys::rte_eth_dev_close as *const (),
        sys::rte_eth_link_get_nowait as *const (),
        sys::rte_eth_stats_get as *const (),
        sys::rte_pktmbuf_pool_create as *const (),
        sys::rte_pktmbuf_free_bulk as *const (),
        sys::rte_mempool_avail_count as *const (),
        sys::rte_mempool_in_use_count as *const (),
        sys::rte_pdump_init as *const (),
        sys::rte_pdump_uninit as *const (),
        sys::rte_telemetry_register_cmd as *const (),
        sys::rte_tel_data_start_dict as *const (),
        sys::rte_tel_data_start_array as *const (),
        sys::rte_tel_data_add_dict_u64 as *const (),
        sys::rte_tel_data_add_dict_string as *const (),
        sys::rte_tel_data_add_dict_container as *const (),
        sys::rte_tel_data_add_array_u64 as *const (),
        sys::rte_tel_data_add_array_string as *const (),
        sys::rte_tel_data_alloc as *const (),
        sys::rte_tel_data_free as *const (),
        sys::cf_eth_rx_burst as *const (),
        sys::cf_eth_tx_burst as *const (),
        sys::cf_pktmbuf_alloc as *const (),
        sys::cf_pktmbuf_alloc_bulk as *const (),
        sys::cf_pktmbuf_free as *const (),
        sys::rte_ip_frag_table_create as *const (),
        sys::rte_ip_frag_table_destroy as *const (),
        sys::rte_ip_frag_table_del_expired_entries as *const (),
        sys::rte_ip_frag_free_death_row as *const (),
        sys::cf_pktmbuf_linearize as *const (),
        sys::cf_ipv4_frag_reassemble as *const (),
        sys::cf_ipv6_frag_reassemble as *const (),
        sys::cf_mempool_name as *const (),
        sys::cf_errno as *const (),
        sys::cf_lcore_id as *const (),
        sys::cf_log_open as *const (),
        sys::cf_log_close as *const (),
    ];
    assert!(functions.iter().all(|address| !address.is_null()));
}

/// Values that the ABI fixes; those that a build of DPDK may choose are only within reason.
#[test]
fn every_constant_in_use_has_its_value() {
    const { assert!(sys::RTE_MAX_ETHPORTS >= 32) };
    const { assert!(sys::RTE_MAX_LCORE >= 64) };
    const { assert!(sys::RTE_PKTMBUF_HEADROOM >= 128) };
    assert_eq!(sys::RTE_MBUF_PORT_INVALID, u32::from(u16::MAX));
    assert_eq!(sys::RTE_MEMPOOL_CACHE_MAX_SIZE, 512);
    const { assert!(sys::RTE_MEMPOOL_NAMESIZE > 20) };
    assert_eq!(sys::RTE_ETH_NAME_MAX_LEN, 64);
    assert_eq!(sys::RTE_ETHER_MIN_MTU, 68);
    const { assert!(sys::RTE_LIBRTE_IP_FRAG_MAX_FRAG >= 4) };
    assert_eq!(sys::RTE_ETHER_HDR_LEN, 14);
    assert_eq!(sys::RTE_ETHER_CRC_LEN, 4);
    assert_eq!(sys::RTE_ETH_RSS_IPV4, 1 << 2);
    assert_eq!(sys::RTE_ETH_RSS_FRAG_IPV4, 1 << 3);
    assert_eq!(sys::RTE_ETH_RSS_NONFRAG_IPV4_OTHER, 1 << 7);
    assert_eq!(sys::RTE_ETH_RSS_IPV6, 1 << 8);
    assert_eq!(sys::RTE_ETH_RSS_FRAG_IPV6, 1 << 9);
    assert_eq!(sys::RTE_ETH_RSS_NONFRAG_IPV6_OTHER, 1 << 13);
    assert_eq!(sys::RTE_ETH_LINK_UP, 1);
    assert_eq!(sys::RTE_ETH_SPEED_NUM_UNKNOWN, u32::MAX);
    assert_eq!(sys::RTE_ETH_MQ_RX_RSS, 1);
    assert_eq!(sys::WAIT, 0);
    assert_eq!(sys::RTE_TEL_STRING_VAL, 0);
    assert_eq!(sys::RTE_TEL_U64_VAL, 2);
    const { assert!(sys::RTE_TEL_MAX_STRING_LEN >= 128) };
    const { assert!(sys::RTE_TEL_MAX_DICT_ENTRIES >= 256) };
    const { assert!(sys::RTE_TEL_MAX_ARRAY_ENTRIES >= sys::RTE_MAX_LCORE) };
}

/// The mbuf is two cache lines, and its first holds what a packet's walk touches.
#[test]
fn the_mbuf_is_laid_out_as_the_accessors_expect() {
    assert_eq!(size_of::<sys::rte_mbuf>(), 128);
    assert!(std::mem::offset_of!(sys::rte_mbuf, pool) < 64);
    assert!(std::mem::offset_of!(sys::rte_mbuf, data_off) < 64);
}
