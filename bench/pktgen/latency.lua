-- Time through a node: pktgen's own latency packets go out of one port and come back on another.
--
--   pktgen -l 0-2 -n 4 --no-pci --vdev net_af_packet0,iface=IN,framesz=2048,framecnt=4096,blocksz=65536 \
--       --vdev net_af_packet1,iface=OUT,framesz=2048,framecnt=4096,blocksz=65536 -- \
--       -P -m "1.0,2.1" -f bench/pktgen/latency.lua
--
-- Between the two: a MAG for node 0 of bench/src/domain.rs, or two MAGs with a localized path. The rate is
-- low on purpose: over veth, more measures queues.

package.path = package.path .. ";?.lua;test/?.lua;app/?.lua"
require "Pktgen"

local send, receive = "0", "1"
local rate_percent = 0.1
local seconds = 30

pktgen.stop("all")
pktgen.clr()
pktgen.delay(100)

pktgen.set_type(send, "ipv6")
pktgen.set_proto(send, "udp")
pktgen.set_mac(send, "dst", "00:00:5e:00:52:13")
pktgen.set_mac(send, "src", "02:ce:11:00:00:00")
pktgen.set_ipaddr(send, "src", "2001:db8::ff:fe00:1/64")
pktgen.set_ipaddr(send, "dst", "2001:db8:ffff:2::1")
pktgen.set(send, "size", 128)
pktgen.set(send, "rate", rate_percent)
pktgen.set(send, "count", 0)

pktgen.latency(send, "enable")
pktgen.latency(receive, "enable")
pktgen.start(send)
pktgen.sleep(seconds)
pktgen.stop(send)
pktgen.delay(500)

local stats = pktgen.pktStats(receive)
prints("latency", stats[tonumber(receive)].latency)
pktgen.latency(send, "disable")
pktgen.latency(receive, "disable")
