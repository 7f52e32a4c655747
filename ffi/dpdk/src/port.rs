//! Ports: what there is, how one is set up, and what control asks it.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dpdk_sys as sys;

use crate::eal::registry;
use crate::error::errno_text;
use crate::{Mempool, PortError, RxQueue, TxQueue};

/// Ports that a [`Port`] or one of its queues has.
static CONFIGURED: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// RSS over addresses and nothing else, so that the fragments and the tunnelled packets of a pair of
/// addresses stay in one queue; restricted to what the device can hash.
const RSS_ADDRESSES: u64 = sys::RTE_ETH_RSS_IPV4 as u64
    | sys::RTE_ETH_RSS_FRAG_IPV4 as u64
    | sys::RTE_ETH_RSS_NONFRAG_IPV4_OTHER as u64
    | sys::RTE_ETH_RSS_IPV6 as u64
    | sys::RTE_ETH_RSS_FRAG_IPV6 as u64
    | sys::RTE_ETH_RSS_NONFRAG_IPV6_OTHER as u64;

/// A port that EAL found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortInfo {
    /// DPDK's number.
    pub id: u16,
    /// Device name, for example `net_af_packet0` or `0000:01:00.0`.
    pub device: String,
    /// Driver name, for example `net_af_packet`.
    pub driver: String,
    /// Link-layer address.
    pub mac: [u8; 6],
    /// Most receive queues.
    pub max_rx_queues: u16,
    /// Most transmit queues.
    pub max_tx_queues: u16,
    /// NUMA node, none when the device is on no particular one.
    pub socket: Option<u32>,
}

/// How a port is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortConfig {
    /// Receive queues.
    pub rx_queues: u16,
    /// Transmit queues.
    pub tx_queues: u16,
    /// Descriptors of a receive queue; rounded to what the device can do.
    pub rx_descriptors: u16,
    /// Descriptors of a transmit queue; rounded to what the device can do.
    pub tx_descriptors: u16,
    /// Largest IP packet, octets; none leaves the device's own. Ignored where the driver has no such
    /// operation (net_ring, net_null): [`Port::mtu_bytes`] says what counts.
    pub mtu: Option<u16>,
    /// Receive frames for any link-layer address; ignored where the driver has no such operation.
    pub promiscuous: bool,
}

/// State of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkState {
    /// Whether it carries frames.
    pub up: bool,
    /// Nominal speed, none when unknown.
    pub speed_mbps: Option<u32>,
}

/// A port's counters, as its driver keeps them, from its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PortStats {
    /// Packets received.
    pub ipackets: u64,
    /// Packets sent.
    pub opackets: u64,
    /// Octets received.
    pub ibytes: u64,
    /// Octets sent.
    pub obytes: u64,
    /// Packets lost because the receive queues were full.
    pub imissed: u64,
    /// Packets received with errors.
    pub ierrors: u64,
    /// Packets that could not be sent.
    pub oerrors: u64,
    /// Packets lost because the mempool was empty.
    pub rx_nombuf: u64,
}

/// Every port that EAL found, by number. Empty without EAL.
#[must_use]
pub fn ports() -> Vec<PortInfo> {
    let registry = registry::lock();
    let mut found = Vec::new();
    if !registry.is_up() {
        return found;
    }
    let mut id = 0;
    loop {
        // SAFETY: EAL is up; takes any number and answers the next port in use, or RTE_MAX_ETHPORTS.
        let next = unsafe { sys::rte_eth_find_next(id) };
        if u32::from(next) >= sys::RTE_MAX_ETHPORTS {
            return found;
        }
        id = next;
        found.extend(describe(id));
        id += 1;
    }
}

fn describe(id: u16) -> Option<PortInfo> {
    let info = device_info(id).ok()?;
    // SAFETY: all-zero octets are a valid address.
    let mut mac: sys::rte_ether_addr = unsafe { mem::zeroed() };
    // SAFETY: writes one address; an invalid port is answered with an error and leaves it zero.
    unsafe { sys::rte_eth_macaddr_get(id, &mut mac) };
    // SAFETY: takes any number.
    let socket = unsafe { sys::rte_eth_dev_socket_id(id) };
    Some(PortInfo {
        id,
        device: device_name(id),
        driver: driver_name(&info),
        mac: mac.addr_bytes,
        max_rx_queues: info.max_rx_queues,
        max_tx_queues: info.max_tx_queues,
        socket: u32::try_from(socket).ok(),
    })
}

fn device_info(id: u16) -> Result<sys::rte_eth_dev_info, i32> {
    let mut info = sys::rte_eth_dev_info::default();
    // SAFETY: writes one structure; an invalid port is answered with an error.
    match unsafe { sys::rte_eth_dev_info_get(id, &mut info) } {
        0 => Ok(info),
        error => Err(error),
    }
}

fn driver_name(info: &sys::rte_eth_dev_info) -> String {
    if info.driver_name.is_null() {
        return String::new();
    }
    // SAFETY: a driver's name is a NUL-terminated constant of its library, which stays loaded.
    unsafe { CStr::from_ptr(info.driver_name) }
        .to_string_lossy()
        .into_owned()
}

fn device_name(id: u16) -> String {
    let mut name = [0; sys::RTE_ETH_NAME_MAX_LEN as usize];
    // SAFETY: writes a NUL-terminated name of at most RTE_ETH_NAME_MAX_LEN octets, or nothing.
    unsafe { sys::rte_eth_dev_get_name_by_port(id, name.as_mut_ptr()) };
    // SAFETY: the array ends with a NUL in either case.
    unsafe { CStr::from_ptr(name.as_ptr()) }
        .to_string_lossy()
        .into_owned()
}

/// A configured device, shared by its port and its queues: the last of them stops and closes it.
pub(crate) struct Device {
    id: u16,
    started: AtomicBool,
    /// The driver holds packets of it until the device is closed.
    _pool: Mempool,
}

impl Device {
    pub(crate) fn id(&self) -> u16 {
        self.id
    }

    pub(crate) fn is_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: no port handle and no queue is left, so nobody polls the device any more; `_pool` has held
        // EAL up. An error leaves the device to rte_eal_cleanup.
        unsafe {
            if *self.started.get_mut() {
                sys::rte_eth_dev_stop(self.id);
            }
            sys::rte_eth_dev_close(self.id);
        }
        configured().remove(&self.id);
    }
}

fn configured() -> std::sync::MutexGuard<'static, BTreeSet<u16>> {
    CONFIGURED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The control side of a port: any thread may ask it while its queues are polled elsewhere. The device is
/// stopped and closed when this and every queue of it are gone; a closed device is gone for good.
pub struct Port {
    device: Arc<Device>,
    name: String,
}

impl Port {
    /// Sets up a port with its queues; packets are received into buffers of `pool`.
    ///
    /// # Errors
    /// No such port, already configured, fewer queues than asked for, a setting that the device refuses.
    /// After the last kind the device is closed.
    pub fn configure(
        id: u16,
        config: &PortConfig,
        pool: &Mempool,
    ) -> Result<(Self, Vec<RxQueue>, Vec<TxQueue>), PortError> {
        // SAFETY: takes any number.
        if unsafe { sys::rte_eth_dev_is_valid_port(id) } == 0 {
            return Err(PortError::Missing { port: id });
        }
        let info = device_info(id).map_err(|error| refused(id, "to describe itself", error))?;
        enough_queues(id, config, &info)?;
        if !configured().insert(id) {
            return Err(PortError::InUse { port: id });
        }
        let port = Self {
            device: Arc::new(Device {
                id,
                started: AtomicBool::new(false),
                _pool: pool.clone(),
            }),
            name: device_name(id),
        };
        port.set_up(config, &info, pool)?;
        let rx = (0..config.rx_queues)
            .map(|queue| RxQueue::new(port.device.clone(), queue))
            .collect();
        let tx = (0..config.tx_queues)
            .map(|queue| TxQueue::new(port.device.clone(), queue))
            .collect();
        Ok((port, rx, tx))
    }

    fn set_up(
        &self,
        config: &PortConfig,
        info: &sys::rte_eth_dev_info,
        pool: &Mempool,
    ) -> Result<(), PortError> {
        let id = self.device.id;
        let conf = device_configuration(config, info);
        // SAFETY: a valid port that is not started; the structure is read during the call.
        let answer =
            unsafe { sys::rte_eth_dev_configure(id, config.rx_queues, config.tx_queues, &conf) };
        self.check("its configuration", answer)?;
        let (mut rx_ring, mut tx_ring) = (config.rx_descriptors, config.tx_descriptors);
        // SAFETY: a valid port; both numbers are read and written during the call.
        let answer =
            unsafe { sys::rte_eth_dev_adjust_nb_rx_tx_desc(id, &mut rx_ring, &mut tx_ring) };
        self.check("its number of descriptors", answer)?;
        // SAFETY: takes any number; -1 is SOCKET_ID_ANY, which is what the set-up takes.
        let socket = unsafe { sys::rte_eth_dev_socket_id(id) } as u32;
        for queue in 0..config.rx_queues {
            // SAFETY: a configured, stopped port; the queue is within the configured number; no
            // configuration means the driver's defaults; the pool lives as long as the device.
            let answer = unsafe {
                sys::rte_eth_rx_queue_setup(
                    id,
                    queue,
                    rx_ring,
                    socket,
                    std::ptr::null(),
                    pool.raw(),
                )
            };
            self.check("a receive queue", answer)?;
        }
        for queue in 0..config.tx_queues {
            // SAFETY: as above.
            let answer = unsafe {
                sys::rte_eth_tx_queue_setup(id, queue, tx_ring, socket, std::ptr::null())
            };
            self.check("a transmit queue", answer)?;
        }
        if let Some(mtu) = config.mtu {
            // SAFETY: a configured port; the value is checked by DPDK.
            let answer = unsafe { sys::rte_eth_dev_set_mtu(id, mtu) };
            self.check_optional("its MTU", answer)?;
        }
        if config.promiscuous {
            // SAFETY: a configured port.
            let answer = unsafe { sys::rte_eth_promiscuous_enable(id) };
            self.check_optional("promiscuous mode", answer)?;
        }
        Ok(())
    }

    /// Starts receiving and sending. Starting again does nothing.
    ///
    /// # Errors
    /// The device refuses.
    pub fn start(&self) -> Result<(), PortError> {
        // Two threads must not start one device: the set of configured ports serves as the lock.
        let _lock = configured();
        if self.device.is_started() {
            return Ok(());
        }
        // SAFETY: a configured port with all its queues set up, and stopped: queues do not poll before they
        // see `started`.
        let answer = unsafe { sys::rte_eth_dev_start(self.device.id) };
        self.check("to start", answer)?;
        self.device.started.store(true, Ordering::Release);
        Ok(())
    }

    /// DPDK's number.
    #[must_use]
    pub fn id(&self) -> u16 {
        self.device.id
    }

    /// Device name.
    #[must_use]
    pub fn device(&self) -> &str {
        &self.name
    }

    /// Link-layer address.
    #[must_use]
    pub fn mac(&self) -> [u8; 6] {
        describe(self.device.id).map_or([0; 6], |info| info.mac)
    }

    /// Largest IP packet, octets; none when the driver does not say.
    #[must_use]
    pub fn mtu_bytes(&self) -> Option<u16> {
        let mut mtu = 0;
        // SAFETY: a valid port; writes one number.
        let answer = unsafe { sys::rte_eth_dev_get_mtu(self.device.id, &mut mtu) };
        (answer == 0).then_some(mtu)
    }

    /// The link, without waiting for it.
    #[must_use]
    pub fn link(&self) -> LinkState {
        // SAFETY: all-zero octets are a valid structure: link down, speed zero.
        let mut link: sys::rte_eth_link = unsafe { mem::zeroed() };
        // SAFETY: a valid port; writes one structure, or nothing with an error.
        unsafe { sys::rte_eth_link_get_nowait(self.device.id, &mut link) };
        let speed = link.link_speed;
        LinkState {
            up: u32::from(link.link_status()) == sys::RTE_ETH_LINK_UP,
            speed_mbps: (speed != 0 && speed != sys::RTE_ETH_SPEED_NUM_UNKNOWN).then_some(speed),
        }
    }

    /// Its counters; zero when the driver keeps none.
    #[must_use]
    pub fn stats(&self) -> PortStats {
        let mut stats = sys::rte_eth_stats::default();
        // SAFETY: a valid port; writes one structure, or nothing with an error.
        unsafe { sys::rte_eth_stats_get(self.device.id, &mut stats) };
        PortStats {
            ipackets: stats.ipackets,
            opackets: stats.opackets,
            ibytes: stats.ibytes,
            obytes: stats.obytes,
            imissed: stats.imissed,
            ierrors: stats.ierrors,
            oerrors: stats.oerrors,
            rx_nombuf: stats.rx_nombuf,
        }
    }

    fn check(&self, what: &'static str, answer: i32) -> Result<(), PortError> {
        if answer == 0 {
            Ok(())
        } else {
            Err(refused(self.device.id, what, answer))
        }
    }

    /// As `check`, for operations that a driver need not have.
    fn check_optional(&self, what: &'static str, answer: i32) -> Result<(), PortError> {
        if answer == -libc::ENOTSUP {
            Ok(())
        } else {
            self.check(what, answer)
        }
    }
}

impl std::fmt::Debug for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Port({}, {})", self.device.id, self.name)
    }
}

fn refused(port: u16, what: &'static str, error: i32) -> PortError {
    PortError::Refused {
        port,
        device: device_name(port),
        what,
        reason: errno_text(error),
    }
}

fn enough_queues(
    port: u16,
    config: &PortConfig,
    info: &sys::rte_eth_dev_info,
) -> Result<(), PortError> {
    if config.rx_queues == 0 && config.tx_queues == 0 {
        // DPDK would take its own number of queues, which nobody sets up.
        return Err(refused(
            port,
            "a configuration without queues",
            libc::EINVAL,
        ));
    }
    for (direction, asked, available) in [
        ("receive", config.rx_queues, info.max_rx_queues),
        ("transmit", config.tx_queues, info.max_tx_queues),
    ] {
        if asked > available {
            return Err(PortError::TooFewQueues {
                port,
                device: device_name(port),
                direction,
                available,
                asked,
            });
        }
    }
    Ok(())
}

/// DPDK's defaults (all zero), RSS where there is something to spread, and the MTU.
fn device_configuration(config: &PortConfig, info: &sys::rte_eth_dev_info) -> sys::rte_eth_conf {
    let mut conf = sys::rte_eth_conf::default();
    let hashes = info.flow_type_rss_offloads & RSS_ADDRESSES;
    if config.rx_queues > 1 && hashes != 0 {
        conf.rxmode.mq_mode = sys::RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf = hashes;
    }
    if let Some(mtu) = config.mtu {
        conf.rxmode.mtu = u32::from(mtu).clamp(u32::from(info.min_mtu), u32::from(info.max_mtu));
    }
    conf
}
