//! The paths of a node, found by number, by home, and by pair of homes in either order (HL-27).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::ends::{Ends, EndsExt};

/// Number of a path, unique in the life of an engine.
pub(crate) type PathId = u64;

/// A record that names its ends.
pub(crate) trait HasEnds {
    fn ends(&self) -> &Ends;
    fn ends_mut(&mut self) -> &mut Ends;
}

#[derive(Debug)]
pub(crate) struct PathTable<P> {
    last: PathId,
    paths: BTreeMap<PathId, P>,
    by_pair: BTreeMap<(IpNet, IpNet), PathId>,
    by_home: BTreeMap<IpNet, BTreeSet<PathId>>,
}

/// A pair of homes without direction.
pub(crate) fn unordered(a: IpNet, b: IpNet) -> (IpNet, IpNet) {
    (a.min(b), a.max(b))
}

impl<P: HasEnds> PathTable<P> {
    pub(crate) fn new() -> Self {
        Self {
            last: 0,
            paths: BTreeMap::new(),
            by_pair: BTreeMap::new(),
            by_home: BTreeMap::new(),
        }
    }

    pub(crate) fn insert(&mut self, path: P) -> PathId {
        self.last += 1;
        let id = self.last;
        self.index(id, path.ends().clone());
        self.paths.insert(id, path);
        id
    }

    pub(crate) fn remove(&mut self, id: PathId) -> Option<P> {
        let path = self.paths.remove(&id)?;
        self.unindex(id, path.ends());
        Some(path)
    }

    /// Renames the ends of a path: a peer told us more about them, or they swapped roles.
    pub(crate) fn rename(&mut self, id: PathId, ends: Ends) {
        let Some(path) = self.paths.get_mut(&id) else {
            return;
        };
        let old = std::mem::replace(path.ends_mut(), ends.clone());
        self.unindex(id, &old);
        self.index(id, ends);
    }

    fn index(&mut self, id: PathId, ends: Ends) {
        for (a, b) in ends.pairs() {
            self.by_pair.insert(unordered(a, b), id);
        }
        for home in ends.source.homes.into_iter().chain(ends.destination.homes) {
            self.by_home.entry(home).or_default().insert(id);
        }
    }

    fn unindex(&mut self, id: PathId, ends: &Ends) {
        for (a, b) in ends.pairs() {
            let pair = unordered(a, b);
            if self.by_pair.get(&pair) == Some(&id) {
                self.by_pair.remove(&pair);
            }
        }
        for home in ends.source.homes.iter().chain(&ends.destination.homes) {
            if let Some(ids) = self.by_home.get_mut(home) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.by_home.remove(home);
                }
            }
        }
    }

    pub(crate) fn get(&self, id: PathId) -> Option<&P> {
        self.paths.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: PathId) -> Option<&mut P> {
        self.paths.get_mut(&id)
    }

    /// The path of these ends, whichever of them is called the source.
    pub(crate) fn find(&self, ends: &Ends) -> Option<PathId> {
        ends.pairs()
            .into_iter()
            .find_map(|(a, b)| self.find_pair(a, b))
    }

    pub(crate) fn find_pair(&self, a: IpNet, b: IpNet) -> Option<PathId> {
        self.by_pair.get(&unordered(a, b)).copied()
    }

    /// The path between a home and whatever home of the other end holds `address`.
    pub(crate) fn find_towards(&self, home: IpNet, address: IpAddr) -> Option<PathId> {
        self.of_home(&home).into_iter().find(|id| {
            self.paths.get(id).is_some_and(|path| {
                let Ends {
                    source,
                    destination,
                } = path.ends();
                let (here, there) = if source.homes.contains(&home) {
                    (source, destination)
                } else {
                    (destination, source)
                };
                here.homes.contains(&home) && there.homes.iter().any(|h| h.contains(&address))
            })
        })
    }

    /// Paths with this home at either end.
    pub(crate) fn of_home(&self, home: &IpNet) -> Vec<PathId> {
        self.by_home
            .get(home)
            .map(|ids| ids.iter().copied().collect())
            .unwrap_or_default()
    }

    /// Paths with any of these homes at either end, each once.
    pub(crate) fn of_homes(&self, homes: &[IpNet]) -> Vec<PathId> {
        let ids: BTreeSet<PathId> = homes.iter().flat_map(|home| self.of_home(home)).collect();
        ids.into_iter().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.paths.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (PathId, &P)> {
        self.paths.iter().map(|(id, path)| (*id, path))
    }
}
