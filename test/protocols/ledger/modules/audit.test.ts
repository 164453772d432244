/** Goal: a node's audit log only grows on chain, and each account speaks for its own. */
import { expect } from 'chai';
import { readAuditHead } from '../../../../src/protocols/ledger/modules/audit.ts';
import { digest } from '../../../../src/protocols/shared/brands.ts';
import { genesisOf, keyOf, World } from '../ledger-world.ts';

const node = keyOf('alice');
const head = (began: number, size: number, fill = 'a1') => ({ began, size, digest: digest(fill.repeat(32)) });

describe('audit module', () => {
  it('keeps the newest head of each account', () => {
    const world = new World(genesisOf({ accounts: ['alice', 'bob'] }));
    const anchor = (from: string, body: unknown) => world.run({ from: keyOf(from), kind: 'audit.anchor', body });
    expect(anchor('alice', head(5, 3))).to.equal('ok');
    expect(readAuditHead(world.view, node)).to.deep.include(head(5, 3));
    expect(readAuditHead(world.view, keyOf('bob'))).to.equal(undefined);
    for (const older of [head(5, 3), head(5, 3, 'b2'), head(5, 2), head(4, 900)]) {
      expect(anchor('alice', older)).to.equal('not-newer');
    }
    expect(anchor('alice', head(5, 4))).to.equal('ok');
    expect(anchor('alice', head(6, 1)), 'a log that took the place of a lost one').to.equal('ok');
    expect(anchor('bob', head(1, 1))).to.equal('ok');
    expect(readAuditHead(world.view, node)).to.deep.include(head(6, 1));
  });
});
