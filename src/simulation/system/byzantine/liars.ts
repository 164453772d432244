/** The liars of one run. Who lies at any time of it counts as one from its start: nothing that it says is held to be true. */
import type { Chain } from '../../../actors/chain/chain.ts';
import { invariant } from '../../../protocols/shared/errors.ts';
import type { LocalLinks } from '../../../runtime/links/create-links.ts';
import type { Signer } from '../../../runtime/ports/signer.ts';
import type { Draw } from '../../draw.ts';
import { Conspiracy } from './conspiracy.ts';
import { Liar, type MakeLie } from './liar.ts';
import { lyingLinks } from './lying-links.ts';

export interface LiarsOptions {
  /** Numbers of the nodes that will lie. */
  readonly nodes: ReadonlySet<number>;
  readonly draw: Draw;
  readonly signerOf: (node: number) => Signer;
  readonly chainOf: (node: number) => Chain | null;
}

export class Liars {
  readonly #liars: ReadonlyMap<number, Liar>;

  constructor({ nodes, draw, signerOf, chainOf }: LiarsOptions) {
    const conspiracy = new Conspiracy(draw.fork('conspiracy'));
    this.#liars = new Map(
      [...nodes].map((node) => {
        const own = { signer: signerOf(node), draw: draw.fork(`liar ${node}`), chain: () => chainOf(node) };
        return [node, new Liar({ ...own, conspiracy })];
      }),
    );
  }

  has(node: number): boolean {
    return this.#liars.has(node);
  }

  /** The links as this node's actors are to have them. */
  links(node: number, links: LocalLinks): LocalLinks {
    const liar = this.#liars.get(node);
    return liar === undefined ? links : lyingLinks(links, liar);
  }

  /** Returns what ends the lie. */
  tell(node: number, make: MakeLie): () => void {
    const liar = this.#liars.get(node);
    invariant(liar !== undefined, `node ${node} is no liar of this run`);
    return liar.tell(make);
  }
}
