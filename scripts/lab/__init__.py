"""The lab: a Proxy Mobile IPv6 domain of real crowfly processes in network namespaces.

    shell     run a command, wait for a condition
    run       one run: its name, its state directory, cleaning up, sweeping dead runs
    netns     namespaces, veth pairs, bridges
    ctl       a node's control socket
    node      one crowfly process
    host      a plain Linux host: addresses, ping, iperf3
    capture   tcpdump on a link
    pcap, mh  reading captures: frames, Mobility Headers
    relay     loss, delay, reordering, duplication between nodes
    stream    constant streams of numbered packets, both ways
    handover  handovers under streams; ledger: what every lost packet was lost by
    domain    LMA, MAG1 to MAG3, MN1, MN2 and the Internet side, put together
    steps     what a domain has to show, step by step
    demo      the steps with their evidence, for people
"""
