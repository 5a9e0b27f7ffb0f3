// Builds the page into ../static, which the server serves (../graphiql.py) and nobody commits.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, gzipSync } from 'node:zlib';

import { defineConfig } from 'vite';

const output = fileURLToPath(new URL('../static', import.meta.url));

/** Writes `x.gz` beside each text `x`, so that the server has nothing to compress: megabytes of JavaScript. */
function gzipAssets() {
  const texts = new Set(['.js', '.css', '.svg', '.ttf']);
  return {
    name: 'gzip-assets',
    apply: 'build',
    async closeBundle() {
      const folder = join(output, 'assets');
      for (const name of await readdir(folder)) {
        if (!texts.has(extname(name))) continue;
        const path = join(folder, name);
        const packed = gzipSync(await readFile(path), { level: constants.Z_BEST_COMPRESSION });
        await writeFile(`${path}.gz`, packed);
      }
    },
  };
}

export default defineConfig({
  base: '/static/',
  esbuild: { jsx: 'automatic' },
  plugins: [gzipAssets()],
  worker: { format: 'es' },
  build: {
    outDir: output,
    emptyOutDir: true,
    manifest: true,
    target: 'es2022',
    // Files, never `data:` URLs: they are cached, and the policy stays narrow.
    assetsInlineLimit: 0,
    // The editor is one piece of about 3 MB; splitting it further saves nobody a byte.
    chunkSizeWarningLimit: 4096,
    reportCompressedSize: false,
  },
});
