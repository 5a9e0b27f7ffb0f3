import type { CodegenConfig } from '@graphql-codegen/cli';

const config: CodegenConfig = {
  // Or the address of a server: 'https://news.example/schema.graphql'.
  schema: '../../schema.graphql',
  documents: 'src/*.ts',
  generates: {
    'src/generated/': {
      preset: 'client',
      config: {
        strictScalars: true,
        scalars: { DateTime: 'string', URL: 'string', JSON: 'unknown' },
        useTypeImports: true,
        enumsAsTypes: true,
      },
      presetConfig: { persistedDocuments: true },
    },
  },
};

export default config;
