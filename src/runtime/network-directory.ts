/**
 * Where everything of a network lies under its data directory:
 *
 *   network/      genesis.json, peers.json, authority.pem (public); authority-key.pem on the machine that made them
 *   accounts/     key files of accounts that were made here: faucet.key, operator.key, …
 *   nodes/NAME/   keys/, tls/, identity.json (public), and what the node itself keeps
 *   processes/    configuration and output of each process
 */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

export interface NetworkDirectory {
  readonly root: string;
  readonly genesisFile: string;
  readonly peersFile: string;
  readonly authorityFile: string;
  readonly authorityKeyFile: string;
  readonly accountKeyFile: (name: string) => string;
  readonly node: (name: string) => NodeDirectory;
  readonly processConfigFile: (process: string) => string;
  readonly processOutputFile: (process: string) => string;
}

export interface NodeDirectory {
  readonly root: string;
  readonly keyFile: string;
  readonly vrfKeyFile: string;
  readonly identityFile: string;
  readonly certificateFile: string;
  readonly certificateKeyFile: string;
  readonly logsDir: string;
  readonly signatureLog: string;
}

export function networkDirectory(dataDir: string): NetworkDirectory {
  const root = resolve(dataDir);
  return {
    root,
    genesisFile: join(root, 'network', 'genesis.json'),
    peersFile: join(root, 'network', 'peers.json'),
    authorityFile: join(root, 'network', 'authority.pem'),
    authorityKeyFile: join(root, 'network', 'authority-key.pem'),
    accountKeyFile: (name) => join(root, 'accounts', `${name}.key`),
    node: (name) => {
      const node = join(root, 'nodes', name);
      return {
        root: node,
        keyFile: join(node, 'keys', 'node.key'),
        vrfKeyFile: join(node, 'keys', 'vrf.key'),
        identityFile: join(node, 'identity.json'),
        certificateFile: join(node, 'tls', 'certificate.pem'),
        certificateKeyFile: join(node, 'tls', 'key.pem'),
        logsDir: join(node, 'logs'),
        signatureLog: join(node, 'signatures.jsonl'),
      };
    },
    processConfigFile: (process) => join(root, 'processes', `${process}.json`),
    processOutputFile: (process) => join(root, 'processes', `${process}.log`),
  };
}

/** The whole file or the old one, also across a crash. */
export function writeFileAtomically(file: string, text: string, mode: number): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}.new`;
  const descriptor = openSync(temporary, 'w', mode);
  writeSync(descriptor, text);
  fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(temporary, file);
}
