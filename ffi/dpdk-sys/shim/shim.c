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
