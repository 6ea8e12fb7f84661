# Made from whisperd/control/commands.py by 'python -m whisperd.cli.completions'; do not edit.
function __whisperctl_verb
    set -l words (commandline -opc)
    set -e words[1]
    set -l verb
    set -l skip
    for word in $words
        if set -q skip[1]
            set -e skip
        else if contains -- $word --after --expires --floor --relay --socket --wait
            set skip yes
        else if not string match -q -- "-*" $word
            set -a verb $word
        end
    end
    string join " " -- $verb
end
function __whisperctl_chats
    whisperctl --json chat list 2> /dev/null | grep -o '"chat": "[^"]*"' | cut -d '"' -f 4
end
complete -c whisperctl -f
complete -c whisperctl -n 'test (__whisperctl_verb) = ""' -a status -d 'Show what the daemon does: roles, tor, onion address, rooms, conversations.'
complete -c whisperctl -n 'test (__whisperctl_verb) = ""' -a address -d 'Print the relay\'s onion address.'
complete -c whisperctl -n 'test (__whisperctl_verb) = ""' -a chat -d 'Invite, join, talk, verify, end.'
complete -c whisperctl -n 'test (__whisperctl_verb) = ""' -a plugins -d 'List the key exchanges and ratchets that this daemon has.'
complete -c whisperctl -n 'test (__whisperctl_verb) = ""' -a stop -d 'Stop the daemon, and wait until it has.'
complete -c whisperctl -n 'test (__whisperctl_verb) = "chat"' -a invite -d 'Make an invite link, for one person to join a new conversation.'
complete -c whisperctl -n 'test (__whisperctl_verb) = "chat"' -a join -d 'Join a conversation by its invite link.'
complete -c whisperctl -n 'test (__whisperctl_verb) = "chat"' -a list -d 'List the conversations and their states.'
complete -c whisperctl -n 'test (__whisperctl_verb) = "chat"' -a send -d 'Send a message; it is queued while the other side is away.'
complete -c whisperctl -n 'test (__whisperctl_verb) = "chat"' -a watch -d 'Print what was said, then everything that happens, a line each.'
complete -c whisperctl -n 'test (__whisperctl_verb) = "chat"' -a open -d 'Talk: an interactive conversation in this terminal.'
complete -c whisperctl -n 'test (__whisperctl_verb) = "chat"' -a verify -d 'Show the words that have to be the same on both sides.'
complete -c whisperctl -n 'test (__whisperctl_verb) = "chat"' -a end -d 'End a conversation, destroy its keys and tell the other side.'
complete -c whisperctl -n 'test (__whisperctl_verb) = "chat"' -a history -d 'Print what was said, as far as the daemon\'s memory holds it.'
complete -c whisperctl -n 'string match -q -- "address*" (__whisperctl_verb)' -l wait -x -d 'Wait as long as this for the address to be published.'
complete -c whisperctl -n 'string match -q -- "chat invite*" (__whisperctl_verb)' -l relay -x -d 'Relay to meet at, as \'http://HOST[:PORT]\', instead of the one that is configured.'
complete -c whisperctl -n 'string match -q -- "chat invite*" (__whisperctl_verb)' -l expires -x -d 'Seconds that the invite lives, instead of what is configured.'
complete -c whisperctl -n 'string match -q -- "chat invite*" (__whisperctl_verb)' -l floor -x -a 'standard enhanced quantum-resistant' -d 'Lowest security level that this conversation may have.'
complete -c whisperctl -n 'string match -q -- "chat invite*" (__whisperctl_verb)' -l qr -d 'Draw the link as a QR code; it is drawn on a terminal unless told otherwise.'
complete -c whisperctl -n 'string match -q -- "chat invite*" (__whisperctl_verb)' -l no-qr -d 'Draw the link as a QR code; it is drawn on a terminal unless told otherwise.'
complete -c whisperctl -n 'string match -q -- "chat join*" (__whisperctl_verb)' -l wait -x -d 'Wait as long as this until the two sides are connected.'
complete -c whisperctl -n 'string match -q -- "chat send*" (__whisperctl_verb)' -l wait -x -d 'Wait as long as this until the other side has the message.'
complete -c whisperctl -n 'test (__whisperctl_verb) = "chat send"' -a '(__whisperctl_chats)'
complete -c whisperctl -n 'test (__whisperctl_verb) = "chat watch"' -a '(__whisperctl_chats)'
complete -c whisperctl -n 'test (__whisperctl_verb) = "chat open"' -a '(__whisperctl_chats)'
complete -c whisperctl -n 'string match -q -- "chat verify*" (__whisperctl_verb)' -l yes -d 'Mark the conversation as verified: the words were compared and are the same.'
complete -c whisperctl -n 'test (__whisperctl_verb) = "chat verify"' -a '(__whisperctl_chats)'
complete -c whisperctl -n 'test (__whisperctl_verb) = "chat end"' -a '(__whisperctl_chats)'
complete -c whisperctl -n 'string match -q -- "chat history*" (__whisperctl_verb)' -l after -x -d 'Only messages with a number above this.'
complete -c whisperctl -n 'test (__whisperctl_verb) = "chat history"' -a '(__whisperctl_chats)'
complete -c whisperctl -n 'string match -q -- "stop*" (__whisperctl_verb)' -l wait -x -d 'Wait as long as this, instead of 60 seconds.'
complete -c whisperctl -l socket -rF -d 'Control socket of the daemon.'
complete -c whisperctl -l json -d 'Print JSON, one object a line.'
complete -c whisperctl -l help -d 'Show help and exit.'
complete -c whisperctl -l version -d 'Print the version and exit.'
