#define _GNU_SOURCE /* fopencookie */
#include "shim.h"

#include <stdio.h>

uint16_t cf_eth_rx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count)
{
	return rte_eth_rx_burst(port, queue, packets, count);
}

uint16_t cf_eth_tx_burst(uint16_t port, uint16_t queue, struct rte_mbuf **packets, uint16_t count)
{
	return rte_eth_tx_burst(port, queue, packets, count);
}

struct rte_mbuf *cf_pktmbuf_alloc(struct rte_mempool *pool)
{
	return rte_pktmbuf_alloc(pool);
}

int cf_pktmbuf_alloc_bulk(struct rte_mempool *pool, struct rte_mbuf **packets, unsigned int count)
{
	return rte_pktmbuf_alloc_bulk(pool, packets, count);
}

void cf_pktmbuf_free(struct rte_mbuf *packet)
{
	rte_pktmbuf_free(packet);
}

int cf_pktmbuf_linearize(struct rte_mbuf *packet)
{
	return rte_pktmbuf_linearize(packet);
}

struct rte_mbuf *cf_ipv4_frag_reassemble(struct rte_ip_frag_tbl *table, struct rte_ip_frag_death_row *row,
					 struct rte_mbuf *packet, uint16_t offset, uint16_t header, uint64_t now)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(packet, struct rte_ipv4_hdr *, offset);
	struct rte_mbuf *whole;

	packet->l2_len = offset;
	packet->l3_len = header;
	whole = rte_ipv4_frag_reassemble_packet(table, row, packet, now, ip);
	if (whole != NULL) {
		whole->ol_flags &= ~RTE_MBUF_F_TX_OFFLOAD_MASK;
		ip = rte_pktmbuf_mtod_offset(whole, struct rte_ipv4_hdr *, offset);
		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
	}
	return whole;
}

struct rte_mbuf *cf_ipv6_frag_reassemble(struct rte_ip_frag_tbl *table, struct rte_ip_frag_death_row *row,
					 struct rte_mbuf *packet, uint16_t offset, uint16_t header, uint64_t now)
{
	struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(packet, struct rte_ipv6_hdr *, offset);
	struct rte_mbuf *whole;

	packet->l2_len = offset;
	packet->l3_len = header;
	whole = rte_ipv6_frag_reassemble_packet(table, row, packet, now, ip, rte_ipv6_frag_get_ipv6_fragment_header(ip));
	if (whole != NULL)
		whole->ol_flags &= ~RTE_MBUF_F_TX_OFFLOAD_MASK;
	return whole;
}

const char *cf_mempool_name(const struct rte_mempool *pool)
{
	return pool->name;
}

int cf_errno(void)
{
	return rte_errno;
}

unsigned int cf_lcore_id(void)
{
	return rte_lcore_id();
}

/* One stream at a time, as there is one EAL a process. */
static cf_log_write log_write;

static ssize_t log_cookie_write(void *cookie, const char *text, size_t length)
{
	(void)cookie;
	log_write(text, length);
	return (ssize_t)length;
}

void *cf_log_open(cf_log_write write)
{
	cookie_io_functions_t functions = {.write = log_cookie_write};
	FILE *stream;

	log_write = write;
	stream = fopencookie(NULL, "w", functions);
	if (stream == NULL)
		return NULL;
	setvbuf(stream, NULL, _IOLBF, 0);
	rte_openlog_stream(stream);
	return stream;
}

void cf_log_close(void *stream)
{
	rte_openlog_stream(NULL);
	fclose(stream);
}
