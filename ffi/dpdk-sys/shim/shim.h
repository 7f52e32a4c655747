/* What Rust sees of DPDK: the headers that bindgen reads, and one ordinary function for each static inline
 * function or thread-local macro that Crowfly uses. Nothing here is called once a packet on the fast path,
 * only once a burst: a call costs about a nanosecond. */
#ifndef CROWFLY_DPDK_SHIM_H
#define CROWFLY_DPDK_SHIM_H

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip_frag.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_pdump.h>
#include <rte_telemetry.h>
#include <rte_version.h>

uint16_t cf_eth_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count);
uint16_t cf_eth_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count);

struct rte_mbuf *cf_pktmbuf_alloc(struct rte_mempool *pool);
int cf_pktmbuf_alloc_bulk(struct rte_mempool *pool, struct rte_mbuf **packets, unsigned int count);
void cf_pktmbuf_free(struct rte_mbuf *packet);
int cf_pktmbuf_linearize(struct rte_mbuf *packet);

/* Gives an IP fragment, whose IP header begins after `offset` octets, to a reassembly table: the whole packet,
 * its IPv4 checksum right and no offload asked for, when this was its last fragment. `header` is the length of
 * the IPv4 header, or of the IPv6 header with the Fragment header right behind it. */
struct rte_mbuf *cf_ipv4_frag_reassemble(struct rte_ip_frag_tbl *table, struct rte_ip_frag_death_row *row,
					 struct rte_mbuf *packet, uint16_t offset, uint16_t header, uint64_t now);
struct rte_mbuf *cf_ipv6_frag_reassemble(struct rte_ip_frag_tbl *table, struct rte_ip_frag_death_row *row,
					 struct rte_mbuf *packet, uint16_t offset, uint16_t header, uint64_t now);
const char *cf_mempool_name(const struct rte_mempool *pool);

int cf_errno(void);
unsigned int cf_lcore_id(void);

/* Sends DPDK's log to `write` as well, until the stream is closed; NULL when there is no memory. */
typedef void (*cf_log_write)(const char *text, size_t length);
void *cf_log_open(cf_log_write write);
void cf_log_close(void *stream);

#endif
