// The import table of the architecture. A folder may import what its row allows and nothing else.
const src = (folder) => `^src/${folder}/`;

/** One rule a row: modules under `from` may only resolve to paths matching one of `allowed`. */
function only(name, from, allowed, options = {}) {
  return {
    name,
    severity: 'error',
    from: { path: from, ...(options.except ? { pathNot: options.except } : {}) },
    to: { pathNot: allowed },
  };
}

const purePackages = ['^node_modules/@noble/(hashes|curves|ed25519)/'];
const nodeBuiltins = '^(node:)?(assert|async_hooks|buffer|child_process|cluster|console|constants|crypto|dgram|diagnostics_channel|dns|domain|events|fs|http|http2|https|inspector|module|net|os|path|perf_hooks|process|querystring|readline|stream|string_decoder|timers|tls|tty|url|util|v8|vm|worker_threads|zlib)(/|$)';

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    only('protocols-are-pure', src('protocols'), [src('protocols'), ...purePackages]),
    only('ports-know-shared-types-only', src('runtime/ports'), [src('runtime/ports'), src('protocols/shared')]),
    only('links-run-over-ports', src('runtime/links'), [
      src('runtime/links'),
      src('runtime/ports'),
      src('protocols/shared'),
      '^node_modules/(msgpackr|@noble)/',
    ]),
    only('simulated-has-no-node', src('runtime/simulated'), [
      src('runtime/simulated'),
      src('runtime/ports'),
      src('protocols/shared'),
      '^node_modules/',
    ]),
    only('simulation-takes-its-host-as-an-input', src('simulation'), [
      src('simulation'),
      src('protocols'),
      src('actors'),
      src('runtime/(ports|links|simulated)'),
      '^src/runtime/actor-system\\.ts$',
    ]),
    only('actors-see-ports-and-protocols', src('actors'), [
      src('actors'),
      src('protocols'),
      src('runtime/ports'),
      '^src/runtime/actor-system\\.ts$',
    ]),
    {
      name: 'nact-only-in-the-wrapper',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/runtime/(actor-system\\.ts|adapters/nact-source\\.ts)$' },
      to: { path: '^node_modules/nact/' },
    },
    {
      name: 'adapters-only-from-assembly',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/cli/', '^src/(index|simulation)\\.ts$', '^src/runtime/[^/]+\\.ts$', '^src/runtime/(adapters|containers|images|node|http|launcher)/'] },
      to: { path: '^src/runtime/adapters/' },
    },
    {
      name: 'nothing-imports-tests-or-benches',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|examples|simulations|scripts)/' },
    },
    {
      name: 'no-node-builtins-in-pure-folders',
      severity: 'error',
      from: { path: '^src/(protocols|actors|simulation|runtime/(ports|links|simulated))/' },
      to: { path: nodeBuiltins, dependencyTypes: ['core'] },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '^dist/'] },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'] },
  },
};
