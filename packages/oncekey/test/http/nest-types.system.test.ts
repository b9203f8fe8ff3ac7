/** The entry fits the real NestJS: a program that uses both compiles against their declarations. */
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root, run, scratch, tool } from '../../../../test/support/scratch.ts';
import { outside } from '../../../../tools/outside/outside.js';

const program = `
import { Controller, Module, Post, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { memory } from 'oncekey';
import { Idempotent, idempotency } from 'oncekey/nest';

interface Known {
  readonly user: { readonly tenant: string };
}
const protect = idempotency({ store: memory(), scope: (request: Known) => request.user.tenant });

@Controller('charges')
@UseInterceptors(protect)
@Idempotent({ missingKey: 'reject' })
export class Charges {
  @Post()
  create(): string {
    return 'ch_1';
  }

  @Post('search')
  @Idempotent(false)
  search(): string {
    return 'none';
  }
}

@Module({ controllers: [Charges] })
export class AppModule {}

const app = await NestFactory.create(AppModule);
app.useGlobalInterceptors(protect);
`;

const folder = scratch();

test('interceptor and decorator are what Nest takes', async () => {
  const group = await outside('nest');
  symlinkSync(join(group.folder, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'program.ts'), program);
  const library = join(root, 'packages', 'oncekey', 'dist');
  const compilerOptions = {
    paths: { oncekey: [join(library, 'index.d.ts')], 'oncekey/nest': [join(library, 'http', 'nest.d.ts')] },
    typeRoots: [join(root, 'node_modules', '@types')],
    experimentalDecorators: true,
    noEmit: true,
    declaration: false,
    isolatedDeclarations: false,
    // Nest's own declarations do not hold under all of our settings.
    skipLibCheck: true,
  };
  const settings = { extends: join(root, 'tsconfig.base.json'), compilerOptions, include: ['program.ts'] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings));
  expect(await run(tool('tsc'), ['-p', '.'], folder)).toEqual({ code: 0, text: '' });
}, 600_000);
