"""What the core shows of the commands of this distribution; it is read at each `--help`."""

from stillhunt.commands import CommandEntry

_HERE = "stillhunt_evidence.commands."
dossier = CommandEntry(
    "Write the evidence on one campaign as a signed pack, for a lawyer, another provider or the accused.",
    _HERE + "dossier:dossier",
)
verify = CommandEntry(
    "Check that nobody changed a pack since it was signed, and who signed it; needs no network.",
    _HERE + "verifying:verify",
)
rebuild = CommandEntry(
    "Derive the verdict of a pack again, bit for bit, from its contents.", _HERE + "verifying:rebuild"
)
attribute = CommandEntry("Compare a campaign with known actors.", _HERE + "attribute:attribute")
share = CommandEntry(
    "Write campaigns in the format of another platform, without prompts, accounts, requests or addresses.",
    _HERE + "share:share",
)
keys = CommandEntry("Keys: who signs, who is trusted, and circles that share.", _HERE + "keys:keys_commands")
match = CommandEntry("Find the campaigns that two providers share.", _HERE + "match:match_commands")
