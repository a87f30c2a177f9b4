import { OPTION, type Script } from './device.ts';

/**
 * A MUD: its prompt changes with every command and is marked only by GA, and a fight produces output between commands.
 */
export function mud({ name = 'Ada', password = 'secret' } = {}): Script {
  return async line => {
    line.print('\r\nWelcome to the realm of <Example>\r\n\r\nBy what name do you wish to be known? ');
    line.goAhead();
    const given = await line.readLine({ echo: 'off' });
    line.command(251, OPTION.ECHO);
    line.print('Password: ');
    line.goAhead();
    const word = await line.readLine({ echo: 'off' });
    line.command(252, OPTION.ECHO);
    if (given !== name || word !== password) {
      line.print('\r\nWrong password.\r\n');
      return;
    }
    line.print('\r\nYou are in a small room.\r\n');
    for (let hits = 100; ; hits--) {
      line.print(`\r\n${hits}hp 50m 80mv | exits: N E `);
      line.goAhead();
      const command = await line.readLine({ echo: 'off' });
      if (command === 'quit') return;
      if (command === 'look') await line.printPieces('A small room. ', 'There is a door to the north.\r\n');
      else if (command === 'kill rat') {
        await line.printPieces('You hit the rat.\r\n', 'The rat bites you > hard <.\r\n', 'The rat is dead.\r\n');
      } else line.print('Huh?\r\n');
    }
  };
}
