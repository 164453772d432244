/** The links of a liar: what its actors send passes through its lies, and it listens to what comes. */
import type { LocalLinks } from '../../../runtime/links/create-links.ts';
import type { LinkHandler } from '../../../runtime/ports/links.ts';
import { relayedLinks } from '../relayed-links.ts';
import type { Liar } from './liar.ts';

export const lyingLinks = (links: LocalLinks, liar: Liar): LocalLinks =>
  relayedLinks(links, {
    attach: (handler) => links.attach(listening(handler, liar)),
    send: (peer, envelope, options) => {
      const [first, ...more] = liar.speak(envelope, peer);
      // Its actors are not to know: what is swallowed counts as sent.
      if (first === undefined) return 'sent';
      const outcome = links.send(peer, first, options);
      if (outcome === 'sent') for (const other of more) links.send(peer, other, options);
      return outcome;
    },
    setStatus: (status) => links.setStatus(liar.status(status)),
  });

const listening = (handler: LinkHandler, liar: Liar): LinkHandler => ({
  onEnvelope: (peer, envelope, consumed, lane) => {
    liar.hear(envelope);
    handler.onEnvelope(peer, envelope, consumed, lane);
  },
  onUp: (peer, resumed) => handler.onUp(peer, resumed),
  onDown: (peer, reason) => handler.onDown(peer, reason),
});
