/**
 * The `migrate` command: makes the tables of a store, or prints the statements for somebody
 * else to run. The gateway never does either by itself.
 */
import { Command, Option } from 'commander';
import { Refusal } from '../refusal.ts';
import { withMigrator } from './schemes.ts';

const examples = `
The schema's version is checked first: tables that are there are left alone, newer ones refused.
The operators' indexes make searching and sweeping faster and every write slower; they are optional.

Examples:
  $ oncekey migrate --store postgres://app@db.internal/shop
  $ oncekey migrate --store 'postgres://app@db.internal/shop?schema=ops&table=once' --print
  $ oncekey migrate --store postgres://app@db.internal/shop --operators
`;

interface Options {
  readonly store?: string;
  readonly print?: boolean;
  readonly operators?: boolean;
  readonly down?: boolean;
}

/** The command, ready to be added to the program. It throws `Refusal`s. */
export function migrateCommand(): Command {
  return new Command('migrate')
    .description('make the tables of a store, or print their DDL')
    .addOption(new Option('--store <URL>', 'postgres://…, mysql://… or sqlite:PATH').env('ONCEKEY_STORE'))
    .option('--print', 'write the statements to standard output and connect to nothing')
    .option('--operators', 'the indexes for people who search')
    .option('--down', 'with --print: the way back')
    .addHelpText('after', examples)
    .action(async ({ store, print = false, operators = false, down = false }: Options) => {
      if (store === undefined) throw new Refusal('--store: say which store, such as postgres://…');
      if (down && !print) throw new Refusal('--down: only with --print; removing all records is yours to run');
      const said = await withMigrator(store, (migrator) =>
        print ? migrator.print(store, { operators, down }) : migrator.run(store, operators),
      );
      process.stdout.write(print ? `${said.trim()}\n` : `oncekey: ${said}\n`);
    });
}
