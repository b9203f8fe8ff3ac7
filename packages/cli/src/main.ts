/**
 * The program: registers the commands and turns every way of not starting into one line
 * on stderr and exit code 2. Faults of the program itself keep their stack and end with 1.
 */
import { Command, CommanderError } from 'commander';
import { gatewayCommand } from './gateway/command.ts';
import { migrateCommand } from './migrate/command.ts';
import { Refusal, reasonOf } from './refusal.ts';

async function main(): Promise<void> {
  const { demoCommand } = await import('./demo/command.ts');
  const program = new Command('oncekey')
    .description('Make an operation take effect once, however often it is asked for.')
    .addCommand(gatewayCommand())
    .addCommand(demoCommand())
    .addCommand(migrateCommand());
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ outputError: () => undefined });
  }
  await program.parseAsync();
}

try {
  await main();
} catch (error) {
  if (error instanceof CommanderError && error.exitCode === 0) process.exit(0);
  if (!(error instanceof Refusal || error instanceof CommanderError)) throw error;
  // Help that nobody asked for by name (`oncekey` alone) has been written already.
  if (!(error instanceof CommanderError && error.code === 'commander.help')) {
    process.stderr.write(`oncekey: ${reasonOf(error).replace(/^error: /, '')}\n`);
  }
  process.exit(2);
}
