// Bundles the tests for Node, and the pages for browsers, in dist/. A project of your own has Vite or
// another bundler in its place.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { transformAsync } from '@babel/core';
import { build } from 'esbuild';

/** Runs babel-plugin-relay, which replaces graphql`…` by the compiler's artifacts. */
const relay = {
  name: 'relay',
  setup({ onLoad }) {
    onLoad({ filter: /relay\/(src|test)\/[^_]*\.tsx?$/ }, async ({ path }) => {
      const plugins = [
        ['@babel/plugin-syntax-typescript', { isTSX: true }],
        ['relay', { eagerEsModules: true }],
      ];
      const result = await transformAsync(readFileSync(path, 'utf8'), {
        filename: path,
        plugins,
        babelrc: false,
        configFile: false,
      });
      return { contents: result.code, loader: 'tsx' };
    });
  },
};

async function bundle() {
  rmSync('dist', { recursive: true, force: true });
  const folders = readdirSync('.').filter((name) => existsSync(`${name}/src`));
  for (const name of folders) {
    const common = {
      bundle: true,
      sourcemap: 'inline',
      plugins: [relay],
      logLevel: 'warning',
      jsx: 'automatic',
    };
    await build({
      ...common,
      entryPoints: { [`${name}.test`]: `${name}/test.ts` },
      outdir: 'dist',
      outExtension: { '.js': '.mjs' },
      platform: 'node',
      format: 'esm',
      // Packages in CommonJS call require for modules of Node.
      banner: {
        js: "import { createRequire as _r } from 'node:module'; const require = _r(import.meta.url);",
      },
    });
    const page = [`${name}/src/page.tsx`, `${name}/src/page.ts`].find(existsSync);
    if (!page) continue;
    await build({
      ...common,
      entryPoints: { page },
      outdir: `dist/${name}`,
      define: { 'process.env.NODE_ENV': '"production"' },
    });
    writeFileSync(
      `dist/${name}/index.html`,
      `<!doctype html><meta charset="utf-8"><title>${name}</title><div id="root"></div><script src="page.js"></script>`,
    );
  }
}

await bundle();
