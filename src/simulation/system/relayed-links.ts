/** Links of which some things are done otherwise; the rest is passed on. */
import type { LocalLinks } from '../../runtime/links/create-links.ts';

export const relayedLinks = (
  links: LocalLinks,
  otherwise: Partial<Pick<LocalLinks, 'attach' | 'send' | 'setStatus' | 'report'>>,
): LocalLinks => ({
  self: links.self,
  incarnation: links.incarnation,
  get address() {
    return links.address;
  },
  attach: (handler) => links.attach(handler),
  start: () => links.start(),
  send: (peer, envelope, options) => links.send(peer, envelope, options),
  whenRoom: (peer, lane, callback) => links.whenRoom(peer, lane, callback),
  setPeers: (peers) => links.setPeers(peers),
  peers: () => links.peers(),
  setStatus: (status) => links.setStatus(status),
  onPeer: (listener) => links.onPeer(listener),
  report: (peer, reason) => links.report(peer, reason),
  refusals: () => links.refusals(),
  stop: () => links.stop(),
  ...otherwise,
});
