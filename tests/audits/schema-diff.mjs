// Prints the breaking changes between two schemas: node schema-diff.mjs OLD.graphql NEW.graphql
// One JSON line for each: {"path", "message"}.
import { readFileSync } from 'node:fs';
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';

const [before, after] = process.argv.slice(2).map((file) => buildSchema(readFileSync(file, 'utf8')));
for (const { criticality, path, message } of await diff(before, after)) {
  if (criticality.level === CriticalityLevel.Breaking) console.log(JSON.stringify({ path, message }));
}
