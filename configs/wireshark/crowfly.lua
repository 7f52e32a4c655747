-- Wireshark and tshark dissector for the localized routing messages that Crowfly speaks:
--   MH 240 to 251  RO Trigger, Init, Setup, Refresh, Request, Query and their acknowledgements
--                  (draft-loureiro-netext-pmipv6-ro-02; the base is a preference)
--   MH 11          the same in the form of RFC 5096, where that preference is set
--   MH 17 and 18   Localized Routing Initiation and Acknowledgment (RFC 6705): Wireshark 4.0 looks for
--                  their fixed part at the wrong octet
-- All other MH types go to Wireshark's own dissector. UDP ports 4191 and 5437 are told apart by the first
-- nibble, as RFC 5844 and RFC 5555 allow: 3 Mobility Header, 4 IPv4, 6 IPv6, 0 TLV header (RFC 5845).
--
-- Try it:   tshark -X lua_script:crowfly.lua -r capture.pcap -Y mip6ro
-- Install:  copy it to ~/.local/lib/wireshark/plugins/ or to the global plugin folder.

local mip6ro = Proto("mip6ro", "PMIPv6 Localized Routing")
local mip6udp = Proto("mip6udp", "PMIPv6 in UDP")

mip6ro.prefs.mh_base = Pref.uint("MH Type of RO Trigger", 240, "The other eleven RO messages follow it")
mip6ro.prefs.rfc5096 = Pref.bool("RO messages in MH Type 11", false, "Experimental Mobility Header (RFC 5096)")

local NAMES = {
  [0] = "RO Trigger", "RO Trigger Ack", "RO Init", "RO Init Ack", "RO Setup", "RO Setup Ack",
  "RO Refresh", "RO Refresh Ack", "RO Request", "RO Request Ack", "RO Query", "RO Query Ack",
}
local LRI, LRA, EXPERIMENTAL = 17, 18, 11

local RO_STATUS = {
  [0] = "Success", [1] = "Already in place", [128] = "Localized routing not allowed",
  [129] = "MN not attached", [130] = "Insufficient resources",
  [131] = "No such localized routing state", [132] = "Peer MAG refused or silent",
  [133] = "Peer LMA unknown", [134] = "Role conflict", [135] = "Stale",
  [136] = "Missing or malformed option", [137] = "Mode or encapsulation not supported",
  [138] = "Peer not authorized for this node or prefix",
}
local LRA_STATUS = {
  [0] = "Success", [128] = "Localized Routing Not Allowed", [129] = "MN Not Attached",
}
local IPV4_STATUS = {
  [0] = "Success", [128] = "Failure, reason unspecified", [129] = "Administratively prohibited",
  [130] = "Incorrect IPv4 home address", [131] = "Invalid IPv4 address",
  [132] = "Dynamic IPv4 home address assignment not available",
  [133] = "Prefix allocation unauthorized",
}
local OPTIONS = {
  [0] = "Pad1", [1] = "PadN", [2] = "Binding Refresh Advice", [3] = "Alternate Care-of Address",
  [4] = "Nonce Indices", [5] = "Binding Authorization Data", [8] = "Mobile Node Identifier",
  [18] = "Experimental", [19] = "Vendor Specific", [22] = "Home Network Prefix",
  [23] = "Handoff Indicator", [24] = "Access Technology Type",
  [25] = "Mobile Node Link-layer Identifier", [26] = "Link-local Address", [27] = "Timestamp",
  [28] = "Restart Counter", [29] = "IPv4 Home Address", [30] = "IPv4 Address Acknowledgement",
  [31] = "NAT Detection", [32] = "IPv4 Care-of Address", [33] = "GRE Key",
  [36] = "IPv4 Home Address Request", [37] = "IPv4 Home Address Reply",
  [38] = "IPv4 Default-Router Address", [39] = "IPv4 DHCP Support Mode",
  [41] = "Local Mobility Anchor Address", [46] = "Redirect-Capability", [47] = "Redirect",
  [48] = "Load Information", [49] = "Alternate IPv4 Care-of Address", [51] = "MAG IPv6 Address",
  [52] = "Access Network Identifier", [55] = "Delegated Mobile Network Prefix",
  [59] = "LMA User-Plane Address",
}
local MN_ID = {
  [1] = "NAI", [2] = "IPv6 Address", [3] = "IMSI", [4] = "P-TMSI", [5] = "EUI-48", [6] = "EUI-64",
  [7] = "GUTI", [8] = "DUID",
}
local HANDOFF = {
  [0] = "Reserved", [1] = "Attachment over a new interface",
  [2] = "Handoff between two different interfaces of the mobile node",
  [3] = "Handoff between mobile access gateways for the same interface",
  [4] = "Handoff state unknown", [5] = "Handoff state not changed (Re-registration)",
  [6] = "Attachment over a new interface sharing prefixes",
}
local ACCESS = {
  [0] = "Reserved", [1] = "Virtual", [2] = "PPP", [3] = "IEEE 802.3", [4] = "IEEE 802.11a/b/g",
  [5] = "IEEE 802.16e", [6] = "3GPP GERAN", [7] = "3GPP UTRAN", [8] = "3GPP E-UTRAN",
  [9] = "3GPP2 eHRPD", [10] = "3GPP2 HRPD", [11] = "3GPP2 1xRTT", [12] = "3GPP2 UMB",
  [13] = "3GPP NB-IoT",
}

local f = {
  proto = ProtoField.uint8("mip6ro.proto", "Payload Proto", base.DEC, { [59] = "No Next Header" }),
  hlen = ProtoField.uint8("mip6ro.hlen", "Header Len (units of 8 octets, without the first)", base.DEC),
  mhtype = ProtoField.uint8("mip6ro.mhtype", "MH Type", base.DEC),
  message = ProtoField.string("mip6ro.message", "Message"),
  reserved = ProtoField.bytes("mip6ro.reserved", "Reserved"),
  checksum = ProtoField.uint16("mip6ro.checksum", "Checksum", base.HEX),
  checksum_status = ProtoField.string("mip6ro.checksum.status", "Checksum Status"),
  subtype = ProtoField.uint8("mip6ro.subtype", "Subtype", base.DEC, NAMES),
  version = ProtoField.uint8("mip6ro.version", "Version", base.DEC),
  sequence = ProtoField.uint16("mip6ro.sequence", "Sequence #", base.DEC),
  handover = ProtoField.bool("mip6ro.h", "H: maintenance after a handover", 16, nil, 0x8000),
  proxy = ProtoField.bool("mip6ro.x", "X: proxy-mode relay", 16, nil, 0x4000),
  request_rest = ProtoField.uint16("mip6ro.request_reserved", "Reserved", base.HEX, nil, 0x3fff),
  unsolicited = ProtoField.bool("mip6ro.u", "U: unsolicited", 8, nil, 0x80),
  ack_rest = ProtoField.uint8("mip6ro.ack_reserved", "Reserved", base.HEX, nil, 0x7f),
  status = ProtoField.uint8("mip6ro.status", "Status", base.DEC, RO_STATUS),
  lra_status = ProtoField.uint8("mip6ro.lra_status", "Status", base.DEC, LRA_STATUS),
  lifetime = ProtoField.uint16("mip6ro.lifetime", "RO_Lifetime (seconds)", base.DEC),
  option = ProtoField.none("mip6ro.option", "Mobility Option"),
  opt_type = ProtoField.uint8("mip6ro.option.type", "Type", base.DEC, OPTIONS),
  opt_len = ProtoField.uint8("mip6ro.option.length", "Length", base.DEC),
  opt_data = ProtoField.bytes("mip6ro.option.data", "Data"),
  opt_reserved = ProtoField.bytes("mip6ro.option.reserved", "Reserved"),
  padding = ProtoField.bytes("mip6ro.option.padding", "Padding"),
  refresh_interval = ProtoField.uint16("mip6ro.refresh_interval", "Refresh Interval (units of 4 s)", base.DEC),
  acoa = ProtoField.ipv6("mip6ro.acoa", "Alternate Care-of Address"),
  home_nonce = ProtoField.uint16("mip6ro.home_nonce", "Home Nonce Index", base.DEC),
  coa_nonce = ProtoField.uint16("mip6ro.coa_nonce", "Care-of Nonce Index", base.DEC),
  authenticator = ProtoField.bytes("mip6ro.authenticator", "Authenticator"),
  mnid_subtype = ProtoField.uint8("mip6ro.mnid.subtype", "Subtype", base.DEC, MN_ID),
  mnid = ProtoField.string("mip6ro.mnid", "Identifier"),
  mnid_bytes = ProtoField.bytes("mip6ro.mnid.bytes", "Identifier"),
  vendor = ProtoField.uint32("mip6ro.vendor", "Vendor/Org-ID", base.DEC),
  vendor_subtype = ProtoField.uint8("mip6ro.vendor.subtype", "Sub-Type", base.DEC),
  hnp_len = ProtoField.uint8("mip6ro.hnp.length", "Prefix Length", base.DEC),
  hnp = ProtoField.ipv6("mip6ro.hnp", "Home Network Prefix"),
  hi = ProtoField.uint8("mip6ro.hi", "Handoff Indicator", base.DEC, HANDOFF),
  att = ProtoField.uint8("mip6ro.att", "Access Technology Type", base.DEC, ACCESS),
  llid = ProtoField.bytes("mip6ro.llid", "Link-layer Identifier", base.COLON),
  lla = ProtoField.ipv6("mip6ro.lla", "Link-local Address"),
  timestamp = ProtoField.absolute_time("mip6ro.timestamp", "Timestamp", base.UTC),
  restart = ProtoField.uint32("mip6ro.restart", "Restart Counter", base.DEC),
  prefix6 = ProtoField.uint8("mip6ro.ipv4.prefix_len", "Prefix-len", base.DEC, nil, 0xfc),
  prefix6_p = ProtoField.bool("mip6ro.ipv4.p", "P: prefix requested", 8, nil, 0x02),
  ipv4_status = ProtoField.uint8("mip6ro.ipv4.status", "Status", base.DEC, IPV4_STATUS),
  ipv4_hoa = ProtoField.ipv4("mip6ro.ipv4.hoa", "IPv4 Home Address"),
  ipv4_coa = ProtoField.ipv4("mip6ro.ipv4.coa", "IPv4 Care-of Address"),
  ipv4_router = ProtoField.ipv4("mip6ro.ipv4.router", "IPv4 Default-Router Address"),
  ipv4_acoa = ProtoField.ipv4("mip6ro.ipv4.acoa", "Alternate IPv4 Care-of Address"),
  nat_f = ProtoField.bool("mip6ro.nat.f", "F: UDP encapsulation forced", 16, nil, 0x8000),
  nat_refresh = ProtoField.uint32("mip6ro.nat.refresh", "Refresh time (seconds)", base.DEC),
  gre_key = ProtoField.uint32("mip6ro.gre_key", "GRE Key Identifier", base.DEC),
  dhcp_s = ProtoField.bool("mip6ro.dhcp.s", "S: the MAG is the DHCP server", 16, nil, 0x0001),
  lma_code = ProtoField.uint8("mip6ro.lma.code", "Option-Code", base.DEC, { "IPv6", "IPv4" }),
  lma_ipv6 = ProtoField.ipv6("mip6ro.lma.ipv6", "Local Mobility Anchor Address"),
  lma_ipv4 = ProtoField.ipv4("mip6ro.lma.ipv4", "Local Mobility Anchor Address"),
  redirect_k = ProtoField.bool("mip6ro.redirect.k", "K: IPv6", 16, nil, 0x8000),
  redirect_n = ProtoField.bool("mip6ro.redirect.n", "N: IPv4", 16, nil, 0x4000),
  mag_len = ProtoField.uint8("mip6ro.mag.length", "Address Length", base.DEC),
  mag = ProtoField.ipv6("mip6ro.mag", "MAG IPv6 Address"),
  user_ipv6 = ProtoField.ipv6("mip6ro.user_plane.ipv6", "LMA User-Plane Address"),
  user_ipv4 = ProtoField.ipv4("mip6ro.user_plane.ipv4", "LMA User-Plane Address"),
  trailer = ProtoField.bytes("mip6ro.trailer", "Ignored behind No Next Header"),
}
mip6ro.fields = f

local expert_cut = ProtoExpert.new("mip6ro.cut", "The length runs past the end of the header",
  expert.group.MALFORMED, expert.severity.ERROR)
local expert_length = ProtoExpert.new("mip6ro.option_length", "The length does not fit the option's type",
  expert.group.MALFORMED, expert.severity.ERROR)
local expert_checksum = ProtoExpert.new("mip6ro.checksum_bad", "Bad checksum",
  expert.group.CHECKSUM, expert.severity.ERROR)
local expert_proto = ProtoExpert.new("mip6ro.proto_bad", "Payload Proto must be 59",
  expert.group.PROTOCOL, expert.severity.WARN)
local expert_malformed = ProtoExpert.new("mip6ro.malformed", "Malformed Mobility Header",
  expert.group.MALFORMED, expert.severity.ERROR)
mip6ro.experts = { expert_cut, expert_length, expert_checksum, expert_proto, expert_malformed }

-- Data of the options: lengths that the type allows, then rows of field, offset and octets (0: the rest).
local LAYOUT = {
  [2] = { { 2 }, { f.refresh_interval, 0, 2 } },
  [3] = { { 16 }, { f.acoa, 0, 16 } },
  [4] = { { 4 }, { f.home_nonce, 0, 2 }, { f.coa_nonce, 2, 2 } },
  [5] = { { 12 }, { f.authenticator, 0, 12 } },
  [22] = { { 18 }, { f.opt_reserved, 0, 1 }, { f.hnp_len, 1, 1 }, { f.hnp, 2, 16 } },
  [23] = { { 2 }, { f.opt_reserved, 0, 1 }, { f.hi, 1, 1 } },
  [24] = { { 2 }, { f.opt_reserved, 0, 1 }, { f.att, 1, 1 } },
  [26] = { { 16 }, { f.lla, 0, 16 } },
  [28] = { { 4 }, { f.restart, 0, 4 } },
  [29] = { { 6 }, { f.prefix6, 0, 1 }, { f.prefix6_p, 0, 1 }, { f.opt_reserved, 1, 1 }, { f.ipv4_hoa, 2, 4 } },
  [30] = { { 6 }, { f.ipv4_status, 0, 1 }, { f.prefix6, 1, 1 }, { f.ipv4_hoa, 2, 4 } },
  [31] = { { 6 }, { f.nat_f, 0, 2 }, { f.nat_refresh, 2, 4 } },
  [32] = { { 6 }, { f.opt_reserved, 0, 2 }, { f.ipv4_coa, 2, 4 } },
  [36] = { { 6 }, { f.prefix6, 0, 1 }, { f.opt_reserved, 1, 1 }, { f.ipv4_hoa, 2, 4 } },
  [37] = { { 6 }, { f.ipv4_status, 0, 1 }, { f.prefix6, 1, 1 }, { f.ipv4_hoa, 2, 4 } },
  [38] = { { 6 }, { f.opt_reserved, 0, 2 }, { f.ipv4_router, 2, 4 } },
  [39] = { { 2 }, { f.dhcp_s, 0, 2 } },
  [46] = { { 2 }, { f.opt_reserved, 0, 2 } },
  [49] = { { 4 }, { f.ipv4_acoa, 0, 4 } },
  [51] = { { 18 }, { f.opt_reserved, 0, 1 }, { f.mag_len, 1, 1 }, { f.mag, 2, 16 } },
}

local function allowed(lengths, length)
  for _, allowed_length in ipairs(lengths) do
    if allowed_length == length then return true end
  end
  return false
end

-- The options whose layout depends on what is in them: tree, data; true if the length fits.
local VARIABLE = {}

VARIABLE[8] = function(tree, data)
  if data:len() < 1 then return false end
  tree:add(f.mnid_subtype, data(0, 1))
  if data:len() == 1 then return true end
  if data(0, 1):uint() == 1 then
    tree:add(f.mnid, data(1))
  else
    tree:add(f.mnid_bytes, data(1))
  end
  return true
end

VARIABLE[19] = function(tree, data)
  if data:len() < 5 then return false end
  tree:add(f.vendor, data(0, 4))
  tree:add(f.vendor_subtype, data(4, 1))
  if data:len() > 5 then tree:add(f.opt_data, data(5)) end
  return true
end

VARIABLE[25] = function(tree, data)
  if data:len() < 2 then return false end
  tree:add(f.opt_reserved, data(0, 2))
  if data:len() > 2 then tree:add(f.llid, data(2)) end
  return true
end

-- 48 bits of seconds since 1970, 16 bits of 1/65536 s (RFC 5213 section 8.8).
VARIABLE[27] = function(tree, data)
  if data:len() ~= 8 then return false end
  local seconds = data(0, 2):uint() * 4294967296 + data(2, 4):uint()
  local nanos = math.floor(data(6, 2):uint() * 1000000000 / 65536)
  tree:add(f.timestamp, data(0, 8), NSTime.new(seconds, nanos))
  return true
end

VARIABLE[33] = function(tree, data)
  if data:len() ~= 2 and data:len() ~= 6 then return false end
  tree:add(f.opt_reserved, data(0, 2))
  if data:len() == 6 then tree:add(f.gre_key, data(2, 4)) end
  return true
end

local function address(tree, data, ipv6, ipv4)
  if data:len() == 18 then
    tree:add(ipv6, data(2, 16))
  elseif data:len() == 6 then
    tree:add(ipv4, data(2, 4))
  else
    return false
  end
  return true
end

VARIABLE[41] = function(tree, data)
  if data:len() < 2 then return false end
  tree:add(f.lma_code, data(0, 1))
  tree:add(f.opt_reserved, data(1, 1))
  return address(tree, data, f.lma_ipv6, f.lma_ipv4)
end

VARIABLE[47] = function(tree, data)
  if data:len() < 2 then return false end
  tree:add(f.redirect_k, data(0, 2))
  tree:add(f.redirect_n, data(0, 2))
  return address(tree, data, f.lma_ipv6, f.lma_ipv4)
end

VARIABLE[59] = function(tree, data)
  if data:len() < 2 then return false end
  tree:add(f.opt_reserved, data(0, 2))
  return data:len() == 2 or address(tree, data, f.user_ipv6, f.user_ipv4)
end

local function option_data(tree, kind, data)
  if VARIABLE[kind] then return VARIABLE[kind](tree, data) end
  local layout = LAYOUT[kind]
  if not layout then
    tree:add(f.opt_data, data)
    return true
  end
  if not allowed(layout[1], data:len()) then return false end
  for index = 2, #layout do
    local field, offset, length = layout[index][1], layout[index][2], layout[index][3]
    tree:add(field, data(offset, length))
  end
  return true
end

-- One option at `at`; returns where the next one starts, or nil where the walk ends.
local function option(tvb, at, tree)
  local kind = tvb(at, 1):uint()
  local name = OPTIONS[kind] or ("Unknown option " .. kind)
  if kind == 0 then
    tree:add(f.padding, tvb(at, 1)):set_text("Pad1")
    return at + 1
  end
  local left = tvb:len() - at
  if left < 2 or tvb(at + 1, 1):uint() > left - 2 then
    local item = tree:add(f.option, tvb(at, left)):set_text(name)
    item:add_proto_expert_info(expert_cut)
    return nil
  end
  local length = tvb(at + 1, 1):uint()
  local item = tree:add(f.option, tvb(at, 2 + length)):set_text(name)
  item:add(f.opt_type, tvb(at, 1))
  item:add(f.opt_len, tvb(at + 1, 1))
  if kind == 1 then
    if length > 0 then item:add(f.padding, tvb(at + 2, length)) end
  elseif length > 0 or LAYOUT[kind] or VARIABLE[kind] then
    -- A range of no octets does not exist: a type that wants data has none.
    local fits = length > 0 and option_data(item, kind, tvb(at + 2, length))
    if not fits then item:add_proto_expert_info(expert_length) end
  end
  return at + 2 + length
end

-- One's complement sum of 16-bit words of a range with an even number of octets.
local function words(range)
  local sum = 0
  for at = 0, range:len() - 2, 2 do sum = sum + range(at, 2):uint() end
  return sum
end

local ipv6_source, ipv6_destination = Field.new("ipv6.src"), Field.new("ipv6.dst")

-- "correct", "incorrect", or why neither: over the innermost IPv6 header before this one.
local function checksum_status(header, pinfo)
  if tostring(pinfo.net_src):find(":", 1, true) == nil then return "ignored over IPv4" end
  local sources, destinations = { ipv6_source() }, { ipv6_destination() }
  if #sources == 0 or #destinations == 0 then return "not verified" end
  local sum = words(header) + words(sources[#sources].range) + words(destinations[#destinations].range)
  sum = sum + header:len() + 135
  while sum > 0xffff do sum = sum % 0x10000 + math.floor(sum / 0x10000) end
  return sum == 0xffff and "correct" or "incorrect"
end

-- What kind of message: name, whether it is an RO message, whether an acknowledgement; nil if not ours.
local function message(tvb)
  local mh_type = tvb(2, 1):uint()
  if mh_type == LRI then return "Localized Routing Initiation", false, false end
  if mh_type == LRA then return "Localized Routing Acknowledgment", false, true end
  local index
  if mip6ro.prefs.rfc5096 then
    if mh_type == EXPERIMENTAL and tvb(7, 1):uint() == 0 then index = tvb(6, 1):uint() end
  else
    index = mh_type - mip6ro.prefs.mh_base
  end
  local name = index and NAMES[index]
  if name then return name, true, index % 2 == 1 end
  return nil
end

local function fixed_part(tvb, at, tree, is_ro, is_ack)
  tree:add(f.sequence, tvb(at, 2))
  if is_ack then
    tree:add(f.unsolicited, tvb(at + 2, 1))
    tree:add(f.ack_rest, tvb(at + 2, 1))
    tree:add(is_ro and f.status or f.lra_status, tvb(at + 3, 1))
  elseif is_ro then
    tree:add(f.handover, tvb(at + 2, 2))
    tree:add(f.proxy, tvb(at + 2, 2))
    tree:add(f.request_rest, tvb(at + 2, 2))
  else
    tree:add(f.reserved, tvb(at + 2, 2))
  end
  tree:add(f.lifetime, tvb(at + 4, 2))
end

local ip_proto = DissectorTable.get("ip.proto")
local udp_port = DissectorTable.get("udp.port")
local wiresharks_own = ip_proto:get_dissector(135)
local HEADER, UNIT = 6, 8

-- All that is not ours. Its exceptions would show as errors of this script.
local function others(tvb, pinfo, tree)
  local whole, used = pcall(wiresharks_own.call, wiresharks_own, tvb, pinfo, tree)
  if whole then return used end
  tree:add(mip6ro, tvb(), "Mobility Header"):add_proto_expert_info(expert_malformed)
  return tvb:len()
end

function mip6ro.dissector(tvb, pinfo, tree)
  local name, is_ro, is_ack
  -- The smallest of our messages has 16 octets.
  if tvb:len() >= 2 * UNIT then name, is_ro, is_ack = message(tvb) end
  if not name then return others(tvb, pinfo, tree) end

  pinfo.cols.protocol = "PMIPv6-RO"
  local claimed = (tvb(1, 1):uint() + 1) * UNIT
  local length = math.min(claimed, tvb:len())
  local header = tvb(0, length)
  local root = tree:add(mip6ro, header, "PMIPv6 Localized Routing: " .. name)
  if claimed > length or claimed < 2 * UNIT then root:add_proto_expert_info(expert_cut) end
  local proto = root:add(f.proto, tvb(0, 1))
  if tvb(0, 1):uint() ~= 59 then proto:add_proto_expert_info(expert_proto) end
  root:add(f.hlen, tvb(1, 1))
  root:add(f.mhtype, tvb(2, 1)):append_text(" (" .. name .. ")")
  root:add(f.message, tvb(2, 1), name):set_generated()
  root:add(f.reserved, tvb(3, 1))
  local checksum = root:add(f.checksum, tvb(4, 2))
  local status = claimed == length and checksum_status(header, pinfo) or "not verified"
  root:add(f.checksum_status, tvb(4, 2), status):set_generated()
  if status == "incorrect" then checksum:add_proto_expert_info(expert_checksum) end
  if length < 2 * UNIT then return length end

  local at = HEADER
  if tvb(2, 1):uint() == EXPERIMENTAL then
    root:add(f.subtype, tvb(at, 1))
    root:add(f.version, tvb(at + 1, 1))
    at = at + 2
  end
  fixed_part(tvb, at, root, is_ro, is_ack)
  pinfo.cols.info = name .. ", sequence " .. tvb(at, 2):uint()
  at = at + 6
  local bounded = header:tvb()
  while at and at < length do at = option(bounded, at, root) end
  if tvb:len() > length then root:add(f.trailer, tvb(length)) end
  return tvb:len()
end

local u = {
  tlv_type = ProtoField.uint8("mip6udp.tlv.type", "Type", base.DEC, nil, 0xf0),
  tlv_reserved = ProtoField.uint8("mip6udp.tlv.reserved", "Reserved", base.HEX, nil, 0x0f),
  tlv_next = ProtoField.uint8("mip6udp.tlv.next_header", "Next Header", base.DEC),
  tlv_length = ProtoField.uint16("mip6udp.tlv.length", "Length", base.DEC),
}
mip6udp.fields = u

local BY_NIBBLE = { [4] = Dissector.get("ip"), [6] = Dissector.get("ipv6") }

function mip6udp.dissector(tvb, pinfo, tree)
  if tvb:len() < 4 then return 0 end
  local nibble = math.floor(tvb(0, 1):uint() / 16)
  if nibble == 3 then return mip6ro.dissector(tvb, pinfo, tree) end
  if BY_NIBBLE[nibble] then return BY_NIBBLE[nibble]:call(tvb, pinfo, tree) end
  if nibble ~= 0 then return 0 end
  local root = tree:add(mip6udp, tvb(0, 4), "TLV header (RFC 5845)")
  root:add(u.tlv_type, tvb(0, 1))
  root:add(u.tlv_reserved, tvb(0, 1))
  root:add(u.tlv_next, tvb(1, 1))
  root:add(u.tlv_length, tvb(2, 2))
  if tvb:len() > 4 then ip_proto:try(tvb(1, 1):uint(), tvb(4):tvb(), pinfo, tree) end
  return tvb:len()
end

ip_proto:add(135, mip6ro)
udp_port:add(5436, mip6ro)
udp_port:add(4191, mip6udp)
udp_port:add(5437, mip6udp)
