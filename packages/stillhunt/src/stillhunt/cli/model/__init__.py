"""The commands about models: `stillhunt model distil|damage|mark|prove|blunt`."""
