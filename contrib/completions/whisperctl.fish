# Made from whisperd/control/commands.py by 'python -m whisperd.cli.completions'; do not edit.
function __whisperctl_verb
    set -l words (commandline -opc)
    set -e words[1]
    set -l verb
    set -l skip
    for word in $words
        if set -q skip[1]
            set -e skip
        else if contains -- $word --access --after --code --config --every --expires --floor --hook --hours --level --lines --name --overlap --relay --socket --uses --wait
            set skip yes
        else if not string match -q -- "-*" $word
            set -a verb $word
        end
    end
    string join " " -- $verb
end
function __whisperctl_at
    set -l verb (__whisperctl_verb)
    test "$verb" = "$argv[1]"
end
function __whisperctl_in
    set -l verb (__whisperctl_verb)
    string match -q -- "$argv[1]*" "$verb"
end
function __whisperctl_chats
    whisperctl --json chat list 2> /dev/null | grep -o '"chat": "[^"]*"' | cut -d '"' -f 4
end
function __whisperctl_contacts
    whisperctl --json contact list 2> /dev/null | grep -o '"contact": "[^"]*"' | cut -d '"' -f 4
end
complete -c whisperctl -f
complete -c whisperctl -n '__whisperctl_at ""' -a status -d 'Show what the daemon does: roles, tor, onion address, rooms, conversations.'
complete -c whisperctl -n '__whisperctl_at ""' -a address -d 'Print the relay\'s onion address.'
complete -c whisperctl -n '__whisperctl_at ""' -a onion -d 'The onion service that publishes the relay.'
complete -c whisperctl -n '__whisperctl_at ""' -a tor -d 'The tor that this daemon goes through.'
complete -c whisperctl -n '__whisperctl_at ""' -a chat -d 'Invite, join, call, talk, send files, verify, end.'
complete -c whisperctl -n '__whisperctl_at ""' -a contact -d 'The people who can be called without an invite.'
complete -c whisperctl -n '__whisperctl_at ""' -a relay -d 'Limits, and the end of a relay that is in use.'
complete -c whisperctl -n '__whisperctl_at ""' -a access -d 'Codes for those who may use the relay.'
complete -c whisperctl -n '__whisperctl_at ""' -a metrics -d 'Print what the daemon counts, as Prometheus reads it.'
complete -c whisperctl -n '__whisperctl_at ""' -a reload -d 'Read the configuration again, and put into force what needs no restart.'
complete -c whisperctl -n '__whisperctl_at ""' -a log -d 'What the daemon logs.'
complete -c whisperctl -n '__whisperctl_at ""' -a config -d 'The configuration in force, and the one in the file.'
complete -c whisperctl -n '__whisperctl_at ""' -a plugins -d 'List the key exchanges and ratchets that this daemon has.'
complete -c whisperctl -n '__whisperctl_at ""' -a doctor -d 'Examine tor, the clock and the onion service, and say what mends each fault.'
complete -c whisperctl -n '__whisperctl_at ""' -a store -d 'What outlives the daemon, if anything does.'
complete -c whisperctl -n '__whisperctl_at ""' -a stop -d 'Stop the daemon, and wait until it has.'
complete -c whisperctl -n '__whisperctl_at "onion"' -a republish -d 'Publish the onion service again, at the same address.'
complete -c whisperctl -n '__whisperctl_at "onion"' -a rotate -d 'Give the relay a new onion address; the one before still answers for some hours.'
complete -c whisperctl -n '__whisperctl_at "onion"' -a retire -d 'Let the onion address before the last rotation go at once.'
complete -c whisperctl -n '__whisperctl_at "onion"' -a client -d 'Who may reach the private onion service.'
complete -c whisperctl -n '__whisperctl_at "onion client"' -a add -d 'Let one more reach the private onion service, and print what they need.'
complete -c whisperctl -n '__whisperctl_at "onion client"' -a list -d 'List who may reach the private onion service.'
complete -c whisperctl -n '__whisperctl_at "onion client"' -a remove -d 'Let one reach the private onion service no more.'
complete -c whisperctl -n '__whisperctl_at "tor"' -a newnym -d 'Use new circuits through Tor for every connection from now on.'
complete -c whisperctl -n '__whisperctl_at "tor"' -a credential -d 'What opens private onion services of others.'
complete -c whisperctl -n '__whisperctl_at "tor credential"' -a add -d 'Open a private onion service to this daemon, while it runs.'
complete -c whisperctl -n '__whisperctl_at "tor credential"' -a list -d 'List the addresses that the credentials held here open.'
complete -c whisperctl -n '__whisperctl_at "tor credential"' -a remove -d 'Forget the credential for an address.'
complete -c whisperctl -n '__whisperctl_at "chat"' -a invite -d 'Make an invite link, for one person to join a new conversation.'
complete -c whisperctl -n '__whisperctl_at "chat"' -a join -d 'Join a conversation by its invite link, or by its spoken code.'
complete -c whisperctl -n '__whisperctl_at "chat"' -a list -d 'List the conversations and their states.'
complete -c whisperctl -n '__whisperctl_at "chat"' -a send -d 'Send a message; it is queued while the other side is away.'
complete -c whisperctl -n '__whisperctl_at "chat"' -a watch -d 'Print what was said, then everything that happens, a line each.'
complete -c whisperctl -n '__whisperctl_at "chat"' -a open -d 'Talk: an interactive conversation in this terminal.'
complete -c whisperctl -n '__whisperctl_at "chat"' -a send-file -d 'Offer a file to the other side; it moves once it is accepted there.'
complete -c whisperctl -n '__whisperctl_at "chat"' -a accept -d 'Accept a file that was offered, or go on with one that halted here.'
complete -c whisperctl -n '__whisperctl_at "chat"' -a refuse -d 'Refuse a file that was offered.'
complete -c whisperctl -n '__whisperctl_at "chat"' -a cancel -d 'Give up a file, or take back a message that is still queued.'
complete -c whisperctl -n '__whisperctl_at "chat"' -a files -d 'List the files that were offered, either way, and how far they are.'
complete -c whisperctl -n '__whisperctl_at "chat"' -a verify -d 'Show the words that have to be the same on both sides.'
complete -c whisperctl -n '__whisperctl_at "chat"' -a call -d 'Talk to a contact, without an invite: both call, or the other listens.'
complete -c whisperctl -n '__whisperctl_at "chat"' -a end -d 'End a conversation, destroy its keys and tell the other side.'
complete -c whisperctl -n '__whisperctl_at "chat"' -a history -d 'Print what was said, as far as the daemon\'s memory holds it.'
complete -c whisperctl -n '__whisperctl_at "contact"' -a save -d 'Keep the other side of a conversation as a contact, if it agrees.'
complete -c whisperctl -n '__whisperctl_at "contact"' -a list -d 'List the contacts, and the offers that are not answered yet.'
complete -c whisperctl -n '__whisperctl_at "contact"' -a remove -d 'Forget a contact, or take back the offer to keep one.'
complete -c whisperctl -n '__whisperctl_at "contact"' -a rename -d 'Give a contact another name.'
complete -c whisperctl -n '__whisperctl_at "contact"' -a listen -d 'Wait for a contact\'s calls whenever the daemon runs, over a connection and a circuit of its own.'
complete -c whisperctl -n '__whisperctl_at "contact"' -a block -d 'Answer a contact no more; to them it looks as if nobody were there.'
complete -c whisperctl -n '__whisperctl_at "contact"' -a unblock -d 'Answer a blocked contact again.'
complete -c whisperctl -n '__whisperctl_at "relay"' -a limits -d 'Show each limit of the relay, its use and its refusals.'
complete -c whisperctl -n '__whisperctl_at "relay"' -a drain -d 'Let nobody open a room any more; those that are there go on to their end.'
complete -c whisperctl -n '__whisperctl_at "relay"' -a resume -d 'Let rooms be opened again.'
complete -c whisperctl -n '__whisperctl_at "access"' -a issue -d 'Make an access code for the relay, which is shown this once.'
complete -c whisperctl -n '__whisperctl_at "access"' -a list -d 'List the access codes that are good, without the codes.'
complete -c whisperctl -n '__whisperctl_at "access"' -a revoke -d 'Make an access code worth nothing.'
complete -c whisperctl -n '__whisperctl_at "log"' -a follow -d 'Print the last lines of the daemon\'s log, then each as it is written.'
complete -c whisperctl -n '__whisperctl_at "config"' -a show -d 'Show the configuration in force, and where each value comes from; secrets are not shown.'
complete -c whisperctl -n '__whisperctl_at "config"' -a diff -d 'Show what is in the file and not in force, and whether \'reload\' or a restart puts it into force.'
complete -c whisperctl -n '__whisperctl_at "config"' -a check -d 'Read a configuration file without a daemon, and name the first mistake in it.'
complete -c whisperctl -n '__whisperctl_at "plugins"' -a check -d 'Test a plug-in with the conformance kit, in whisperctl itself: no daemon is asked.'
complete -c whisperctl -n '__whisperctl_at "store"' -a status -d 'Show where the peer role keeps what it remembers, and whether it is open.'
complete -c whisperctl -n '__whisperctl_at "store"' -a unlock -d 'Open the sealed store, or make it: asks for its passphrase.'
complete -c whisperctl -n '__whisperctl_at "store"' -a lock -d 'Let conversations sleep and forget the keys, until it is unlocked again.'
complete -c whisperctl -n '__whisperctl_at "store"' -a passphrase -d 'Change the passphrase of the sealed store: asks for both.'
complete -c whisperctl -n '__whisperctl_at "store"' -a export -d 'Write what the store holds into one sealed file, under a passphrase of its own that is asked for.'
complete -c whisperctl -n '__whisperctl_at "store"' -a import -d 'Take an export into a store that is empty: asks for the export\'s passphrase.'
complete -c whisperctl -n '__whisperctl_at "store"' -a wipe -d 'Destroy the sealed store for good: its key first, then its file.'
complete -c whisperctl -n '__whisperctl_in "status"' -l watch -d 'Show it again and again: a screen on a terminal, otherwise one after the other.'
complete -c whisperctl -n '__whisperctl_in "status"' -l every -x -d 'Seconds between two looks of --watch.'
complete -c whisperctl -n '__whisperctl_in "status"' -l check -d 'Print one line for monitoring, and exit with 0, 1, 2 or 3.'
complete -c whisperctl -n '__whisperctl_in "address"' -l wait -x -d 'Wait as long as this for the address to be published.'
complete -c whisperctl -n '__whisperctl_in "onion republish"' -l wait -x -d 'Wait as long as this until it is published.'
complete -c whisperctl -n '__whisperctl_in "onion rotate"' -l overlap -x -d 'Hours that the one before still answers, instead of what is configured.'
complete -c whisperctl -n '__whisperctl_in "onion rotate"' -l now -d 'Let every address before this one go at once.'
complete -c whisperctl -n '__whisperctl_in "onion rotate"' -l wait -x -d 'Wait as long as this until the new address is published.'
complete -c whisperctl -n '__whisperctl_in "chat invite"' -l relay -x -d 'Relay to meet at, as \'http://HOST[:PORT]\', instead of those that are configured. Given up to four times it names several, the best first.'
complete -c whisperctl -n '__whisperctl_in "chat invite"' -l expires -x -d 'Seconds that the invite lives, instead of what is configured.'
complete -c whisperctl -n '__whisperctl_in "chat invite"' -l floor -x -a 'standard enhanced quantum-resistant' -d 'Lowest security level that this conversation may have.'
complete -c whisperctl -n '__whisperctl_in "chat invite"' -l access -x -d 'Access code, where the first relay wants one.'
complete -c whisperctl -n '__whisperctl_in "chat invite"' -l code -d 'Make a code of a number and three words instead, to be told by voice; both sides have to name the same relay.'
complete -c whisperctl -n '__whisperctl_in "chat invite"' -l qr -d 'Draw the link as a QR code; it is drawn on a terminal unless told otherwise.'
complete -c whisperctl -n '__whisperctl_in "chat invite"' -l no-qr -d 'Draw the link as a QR code; it is drawn on a terminal unless told otherwise.'
complete -c whisperctl -n '__whisperctl_in "chat invite"' -l wait -x -d 'Wait as long as this until the other side has joined, and tell of wrong codes.'
complete -c whisperctl -n '__whisperctl_in "chat join"' -l access -x -d 'Access code, where the first relay wants one.'
complete -c whisperctl -n '__whisperctl_in "chat join"' -l code -x -d 'The spoken code, instead of a link; \'-\' reads it from standard input.'
complete -c whisperctl -n '__whisperctl_in "chat join"' -l relay -x -d 'Relay to meet at with a code, as \'http://HOST[:PORT]\', instead of the one that is configured.'
complete -c whisperctl -n '__whisperctl_in "chat join"' -l wait -x -d 'Wait as long as this until the two sides are connected.'
complete -c whisperctl -n '__whisperctl_in "chat send"' -l wait -x -d 'Wait as long as this until the other side has the message.'
complete -c whisperctl -n '__whisperctl_at "chat send"' -a '(__whisperctl_chats)'
complete -c whisperctl -n '__whisperctl_in "chat watch"' -l hook -x -d 'Run this program for each message and offered file that comes in; it is told the conversation, not what was said.'
complete -c whisperctl -n '__whisperctl_at "chat watch"' -a '(__whisperctl_chats)'
complete -c whisperctl -n '__whisperctl_in "chat open"' -l hook -x -d 'Run this program for each message and offered file that comes in; it is told the conversation, not what was said.'
complete -c whisperctl -n '__whisperctl_at "chat open"' -a '(__whisperctl_chats)'
complete -c whisperctl -n '__whisperctl_in "chat send-file"' -l name -x -d 'Name that the other side sees, instead of the file\'s own.'
complete -c whisperctl -n '__whisperctl_in "chat send-file"' -l wait -x -d 'Wait as long as this until the other side has all of it; show how far it is.'
complete -c whisperctl -n '__whisperctl_at "chat send-file"' -a '(__whisperctl_chats)'
complete -c whisperctl -n '__whisperctl_in "chat accept"' -l wait -x -d 'Wait as long as this until all of it is here; show how far it is.'
complete -c whisperctl -n '__whisperctl_at "chat accept"' -a '(__whisperctl_chats)'
complete -c whisperctl -n '__whisperctl_at "chat refuse"' -a '(__whisperctl_chats)'
complete -c whisperctl -n '__whisperctl_at "chat cancel"' -a '(__whisperctl_chats)'
complete -c whisperctl -n '__whisperctl_at "chat files"' -a '(__whisperctl_chats)'
complete -c whisperctl -n '__whisperctl_in "chat verify"' -l yes -d 'Mark the conversation as verified: the words were compared and are the same; kept for a contact.'
complete -c whisperctl -n '__whisperctl_in "chat verify"' -l require -d 'Send nothing and accept no file in this conversation before it is verified.'
complete -c whisperctl -n '__whisperctl_at "chat verify"' -a '(__whisperctl_chats)'
complete -c whisperctl -n '__whisperctl_in "chat call"' -l wait -x -d 'Wait as long as this until the two sides are connected.'
complete -c whisperctl -n '__whisperctl_at "chat call"' -a '(__whisperctl_contacts)'
complete -c whisperctl -n '__whisperctl_at "chat end"' -a '(__whisperctl_chats)'
complete -c whisperctl -n '__whisperctl_in "chat history"' -l after -x -d 'Only messages with a number above this.'
complete -c whisperctl -n '__whisperctl_at "chat history"' -a '(__whisperctl_chats)'
complete -c whisperctl -n '__whisperctl_at "contact save"' -a '(__whisperctl_chats)'
complete -c whisperctl -n '__whisperctl_at "contact remove"' -a '(__whisperctl_contacts)'
complete -c whisperctl -n '__whisperctl_at "contact rename"' -a '(__whisperctl_contacts)'
complete -c whisperctl -n '__whisperctl_in "contact listen"' -l off -d 'Do not wait any more.'
complete -c whisperctl -n '__whisperctl_at "contact listen"' -a '(__whisperctl_contacts)'
complete -c whisperctl -n '__whisperctl_at "contact block"' -a '(__whisperctl_contacts)'
complete -c whisperctl -n '__whisperctl_at "contact unblock"' -a '(__whisperctl_contacts)'
complete -c whisperctl -n '__whisperctl_in "relay drain"' -l stop -d 'Stop the daemon as soon as no room is left.'
complete -c whisperctl -n '__whisperctl_in "relay drain"' -l wait -x -d 'Wait as long as this until no room is left.'
complete -c whisperctl -n '__whisperctl_in "access issue"' -l uses -x -d 'Joins that it is good for.'
complete -c whisperctl -n '__whisperctl_in "access issue"' -l hours -x -d 'Hours until it expires.'
complete -c whisperctl -n '__whisperctl_in "log follow"' -l level -x -a 'debug info warning error' -d 'Least severity that is shown; nothing below log.level is.'
complete -c whisperctl -n '__whisperctl_in "log follow"' -l lines -x -d 'Lines from before that are shown first.'
complete -c whisperctl -n '__whisperctl_in "plugins check"' -l thorough -d 'Change every byte of each value instead of some 128, and walk longer; minutes.'
complete -c whisperctl -n '__whisperctl_in "doctor"' -l config -x -d 'Configuration file of the daemon, instead of the usual place.'
complete -c whisperctl -n '__whisperctl_in "store export"' -l move -d 'Take live conversations along: they and what was said are gone from here. Without it they stay and are left out, because their keys must not be used in two places.'
complete -c whisperctl -n '__whisperctl_in "store wipe"' -l yes -d 'Do not ask.'
complete -c whisperctl -n '__whisperctl_in "stop"' -l wait -x -d 'Wait as long as this, instead of 60 seconds.'
complete -c whisperctl -l socket -rF -d 'Control socket of the daemon.'
complete -c whisperctl -l json -d 'Print JSON, one object a line.'
complete -c whisperctl -l help -d 'Show help and exit.'
complete -c whisperctl -l version -d 'Print the version and exit.'
