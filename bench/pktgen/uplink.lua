-- MAG uplink: one IPv6 packet of 64 octets for every home network prefix, in turn.
--
--   pktgen -l 0-1 -n 4 -- -P -m "1.0" -f bench/pktgen/uplink.lua
--
-- The addresses are those of bench/src/domain.rs: home network prefix N is 2001:db8:<N high>:<N low>::/64,
-- its node has the link-layer address 02:ce:11:<N>. Attach the nodes to the MAG first.
-- pktgen steps link-layer and network addresses together, one step each packet.

package.path = package.path .. ";?.lua;test/?.lua;app/?.lua"
require "Pktgen"

local port = "0"
local homes = 1024            -- at most 65536: one 16-bit group of the prefix is stepped
local rate_percent = 100      -- of the port's nominal speed
local seconds = 30

local last = homes - 1
local first_node = "02:ce:11:00:00:00"
local last_node = string.format("02:ce:11:%02x:%02x:%02x",
    math.floor(last / 65536), math.floor(last / 256) % 256, last % 256)

pktgen.stop(port)
pktgen.clr()
pktgen.set(port, "rate", rate_percent)
pktgen.set(port, "count", 0)   -- until stopped

pktgen.range.set_type(port, "ipv6")
pktgen.range.ip_proto(port, "udp")

-- The fixed link-layer address of a MAG on its access links (RFC 6543).
pktgen.range.dst_mac(port, "start", "00:00:5e:00:52:13")
pktgen.range.dst_mac(port, "inc", "00:00:00:00:00:00")
pktgen.range.dst_mac(port, "min", "00:00:5e:00:52:13")
pktgen.range.dst_mac(port, "max", "00:00:5e:00:52:13")

pktgen.range.src_mac(port, "start", first_node)
pktgen.range.src_mac(port, "inc", "00:00:00:00:00:01")
pktgen.range.src_mac(port, "min", first_node)
pktgen.range.src_mac(port, "max", last_node)

pktgen.range.src_ip(port, "start", "2001:db8:0:0:0:ff:fe00:1")
pktgen.range.src_ip(port, "inc", "0:0:0:1::")
pktgen.range.src_ip(port, "min", "2001:db8:0:0:0:ff:fe00:1")
pktgen.range.src_ip(port, "max", string.format("2001:db8:0:%x:0:ff:fe00:1", last))

pktgen.range.dst_ip(port, "start", "2001:db8:ffff:2::1")
pktgen.range.dst_ip(port, "inc", "::")
pktgen.range.dst_ip(port, "min", "2001:db8:ffff:2::1")
pktgen.range.dst_ip(port, "max", "2001:db8:ffff:2::1")

for _, which in ipairs({ "start", "min", "max" }) do
    pktgen.range.hop_limits(port, which, 64)
    pktgen.range.src_port(port, which, 9)
    pktgen.range.dst_port(port, which, 9)
    pktgen.range.pkt_size(port, which, 64)
end
pktgen.range.hop_limits(port, "inc", 0)
pktgen.range.src_port(port, "inc", 0)
pktgen.range.dst_port(port, "inc", 0)
pktgen.range.pkt_size(port, "inc", 0)

pktgen.set_range(port, "on")
pktgen.start(port)
for second = 1, seconds do
    pktgen.sleep(1)
    prints(string.format("second %d", second), pktgen.portStats(port, "rate"))
end
pktgen.stop(port)
pktgen.set_range(port, "off")
prints("total", pktgen.portStats(port, "port"))
