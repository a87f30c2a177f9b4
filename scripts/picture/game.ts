/** The game in the pictures. */

/** Options of NetHack, which a player has in a file. */
export const GAME =
  'name:Ada,role:Valkyrie,race:human,gender:female,align:neutral,!legacy,!splash_screen,color,!autopickup,symset:curses,windowtype:curses,perm_invent,windowborders:1,guicolor,pettype:dog,dogname:Sirius,statushilites:5,hilite_status:hitpoints/>50%/green,hilite_status:title/always/yellow,hilite_status:strength/always/cyan';
