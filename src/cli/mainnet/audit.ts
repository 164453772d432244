/** `mainnet audit verify`: walks everything that a data directory holds and says what it checked, in numbers; `export`: one archive of a tenant. */
import { writeFileSync } from 'node:fs';
import { exportArchive } from '../../client/audit-export.ts';
import { ChainClient } from '../../client/chain-client.ts';
import { TrafficClient } from '../../client/traffic-client.ts';
import { isHex64, type PublicKey } from '../../protocols/shared/brands.ts';
import { auditDirectory, type AuditSection } from '../../runtime/audit-verify.ts';
import type { LoadedManifest } from '../../runtime/manifest.ts';
import { KeyStore } from '../bpci/key-store.ts';
import { CommandError, exitCodes, formatTable, type Terminal } from '../terminal.ts';

export interface AuditVerifyOptions {
  readonly loaded: LoadedManifest;
  /** Seals of lower heights are taken for granted; null: none are. */
  readonly since: number | null;
  readonly json: boolean;
}

export async function verifyDirectory(
  { loaded, since, json }: AuditVerifyOptions,
  terminal: Terminal,
): Promise<number> {
  const showsProgress = process.stderr.isTTY && !json;
  const audit = await auditDirectory({
    dataDir: loaded.manifest.spec.defaults.dataDir,
    ...(since === null ? {} : { sealsFrom: since }),
    onProgress: (height, of) => {
      if (showsProgress && height % 100 === 0) process.stderr.write(`\rblock ${height} of ${of}`);
    },
  });
  if (showsProgress) process.stderr.write('\r\u001b[K');
  if (json) terminal.json(audit);
  else {
    const { out, paint } = terminal;
    out(`chain ${audit.chainId}, executed from the genesis to height ${audit.height}`);
    const rows = audit.sections.map(({ subject, checked, problems }) => [
      problems.length === 0 ? paint('green', 'ok') : paint('red', 'FAILED'),
      subject,
      numbersOf(checked),
    ]);
    for (const line of formatTable(rows)) out(line);
    for (const { subject, problems } of audit.sections) {
      for (const problem of problems) out(paint('red', `${subject}: ${problem}`));
    }
    if (since !== null) out(`seals below height ${since} were taken for granted`);
    out(audit.ok ? paint('green', 'everything holds') : paint('red', 'what is named above does not hold'));
  }
  return audit.ok ? exitCodes.done : exitCodes.failed;
}

const numbersOf = (checked: AuditSection['checked']): string =>
  Object.entries(checked)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');

export interface AuditExportOptions {
  /** Account, or the name of a key of this person. */
  readonly tenant: string;
  readonly endpoint: string;
  /** Of the traffic light; null leaves decisions out. */
  readonly light: string | null;
  /** Null: to standard output. */
  readonly to: string | null;
}

export async function exportTenant(options: AuditExportOptions, terminal: Terminal): Promise<number> {
  const { tenant, endpoint, light, to } = options;
  const account = new KeyStore(process.env).resolve(tenant);
  if (!isHex64(account)) throw new CommandError('usage', `${tenant} is neither an account nor a key of yours`);
  const sources = {
    client: new ChainClient({ endpoint }),
    light: light === null ? null : new TrafficClient({ endpoint: light }),
  };
  const archive = await exportArchive(sources, account as PublicKey);
  if (to === null) terminal.json(archive);
  else {
    writeFileSync(to, `${JSON.stringify(archive)}\n`, { mode: 0o600 });
    terminal.out(`${to}: check it with  bpci verify ${to} --genesis genesis.json`);
  }
  return exitCodes.done;
}
