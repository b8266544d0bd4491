"""What the core shows of the commands of this distribution; it is read at each `--help`."""

from stillhunt.commands import CommandEntry

_HERE = "stillhunt_server.commands."
case = CommandEntry("Work on campaigns: assign, comment, decide, reopen.", _HERE + "cases:case_commands")
open_case = CommandEntry("Show a case folder in the browser, read-only.", _HERE + "opening:open_case")
serve = CommandEntry("Receive traffic over HTTP, hunt in it repeatedly, and show what is found.", _HERE + "serve:serve")
token = CommandEntry("Tokens for programs that send records to 'serve' or control it.", _HERE + "tokens:token_commands")
user = CommandEntry("People who sign in to the console.", _HERE + "users:user_commands")
