# Made from whisperd/control/commands.py by 'python -m whisperd.cli.completions'; do not edit.
_whisperctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local verb="" place=0 skip="" words="" word i
    local socket=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $skip == --socket ]]; then socket=(--socket "$word"); fi
        if [[ -n $skip ]]; then skip=""; continue; fi
        case $word in
            --access|--after|--code|--config|--every|--expires|--floor|--hook|--hours|--level|--lines|--name|--overlap|--relay|--socket|--uses|--wait) skip=$word ;;
            -*) ;;
            *) case $verb in ""|"onion"|"onion client"|"tor"|"tor credential"|"chat"|"contact"|"relay"|"access"|"log"|"config"|"plugins"|"store") verb=${verb:+$verb }$word ;; *) ((place++)) ;; esac ;;
        esac
    done
    case $previous in
        --socket) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --floor) mapfile -t COMPREPLY < <(compgen -W "standard enhanced quantum-resistant" -- "$current"); return ;;
        --level) mapfile -t COMPREPLY < <(compgen -W "debug info warning error" -- "$current"); return ;;
        --access|--after|--code|--config|--every|--expires|--hook|--hours|--lines|--name|--overlap|--relay|--uses|--wait) COMPREPLY=(); return ;;
    esac
    case $verb in
        "") words="status address onion tor chat contact relay access metrics reload log config plugins doctor store stop --socket --json --help --version" ;;
        "onion") words="republish rotate retire client --socket --json --help" ;;
        "onion client") words="add list remove --socket --json --help" ;;
        "tor") words="newnym credential --socket --json --help" ;;
        "tor credential") words="add list remove --socket --json --help" ;;
        "chat") words="invite join list find send watch open send-file accept refuse cancel files verify timer call end history read --socket --json --help" ;;
        "contact") words="save list remove rename listen block unblock --socket --json --help" ;;
        "relay") words="limits drain resume --socket --json --help" ;;
        "access") words="issue list revoke --socket --json --help" ;;
        "log") words="follow --socket --json --help" ;;
        "config") words="show diff check --socket --json --help" ;;
        "plugins") words="check --socket --json --help" ;;
        "store") words="status unlock lock passphrase export import wipe --socket --json --help" ;;
        "status") words="--watch --every --check --socket --json --help" ;;
        "address") words="--wait --socket --json --help" ;;
        "onion republish") words="--wait --socket --json --help" ;;
        "onion rotate") words="--overlap --now --wait --socket --json --help" ;;
        "onion retire") words="--socket --json --help" ;;
        "onion client add") words="--socket --json --help" ;;
        "onion client list") words="--socket --json --help" ;;
        "onion client remove") words="--socket --json --help" ;;
        "tor newnym") words="--socket --json --help" ;;
        "tor credential add") words="--socket --json --help" ;;
        "tor credential list") words="--socket --json --help" ;;
        "tor credential remove") words="--socket --json --help" ;;
        "chat invite") words="--relay --expires --floor --access --code --qr --no-qr --wait --socket --json --help" ;;
        "chat join") words="--access --code --relay --wait --socket --json --help" ;;
        "chat list") words="--socket --json --help" ;;
        "chat find") words="--socket --json --help" ;;
        "chat send") words="--wait --socket --json --help" ;;
        "chat watch") words="--hook --peek --socket --json --help" ;;
        "chat open") words="--hook --socket --json --help" ;;
        "chat send-file") words="--name --wait --socket --json --help" ;;
        "chat accept") words="--wait --socket --json --help" ;;
        "chat refuse") words="--socket --json --help" ;;
        "chat cancel") words="--socket --json --help" ;;
        "chat files") words="--socket --json --help" ;;
        "chat verify") words="--yes --require --socket --json --help" ;;
        "chat timer") words="--socket --json --help" ;;
        "chat call") words="--wait --socket --json --help" ;;
        "chat end") words="--socket --json --help" ;;
        "chat history") words="--after --peek --socket --json --help" ;;
        "chat read") words="--after --socket --json --help" ;;
        "contact save") words="--socket --json --help" ;;
        "contact list") words="--socket --json --help" ;;
        "contact remove") words="--socket --json --help" ;;
        "contact rename") words="--socket --json --help" ;;
        "contact listen") words="--off --socket --json --help" ;;
        "contact block") words="--socket --json --help" ;;
        "contact unblock") words="--socket --json --help" ;;
        "relay limits") words="--socket --json --help" ;;
        "relay drain") words="--stop --wait --socket --json --help" ;;
        "relay resume") words="--socket --json --help" ;;
        "access issue") words="--uses --hours --socket --json --help" ;;
        "access list") words="--socket --json --help" ;;
        "access revoke") words="--socket --json --help" ;;
        "metrics") words="--socket --json --help" ;;
        "reload") words="--socket --json --help" ;;
        "log follow") words="--level --lines --socket --json --help" ;;
        "config show") words="--socket --json --help" ;;
        "config diff") words="--socket --json --help" ;;
        "config check") words="--socket --json --help" ;;
        "plugins check") words="--thorough --socket --json --help" ;;
        "doctor") words="--config --socket --json --help" ;;
        "store status") words="--socket --json --help" ;;
        "store unlock") words="--socket --json --help" ;;
        "store lock") words="--socket --json --help" ;;
        "store passphrase") words="--socket --json --help" ;;
        "store export") words="--move --socket --json --help" ;;
        "store import") words="--socket --json --help" ;;
        "store wipe") words="--yes --socket --json --help" ;;
        "stop") words="--wait --socket --json --help" ;;
    esac
    case $verb in "chat find"|"chat send"|"chat watch"|"chat open"|"chat send-file"|"chat accept"|"chat refuse"|"chat cancel"|"chat files"|"chat verify"|"chat timer"|"chat end"|"chat history"|"chat read"|"contact save")
        if ((place == 0)) && [[ $current != -* ]]; then
            words=$(whisperctl "${socket[@]}" --json chat list 2> /dev/null | grep -oE '"(chat|contact)": "[^"]*"' | cut -d '"' -f 4)
        fi ;;
    "chat call"|"contact remove"|"contact rename"|"contact listen"|"contact block"|"contact unblock")
        if ((place == 0)) && [[ $current != -* ]]; then
            words=$(whisperctl "${socket[@]}" --json contact list 2> /dev/null | grep -o '"contact": "[^"]*"' | cut -d '"' -f 4)
        fi ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _whisperctl whisperctl
