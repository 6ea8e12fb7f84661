#!/bin/sh
# A bot in three programs: it answers "ping" with "pong" and "echo ..." with what stands behind it, in one conversation,
# until that ends.
#
#   contrib/bots/answer.sh CHAT          CHAT as 'whisperctl chat list' names it, or its contact; it needs jq
#
# 'chat watch --json' prints what was said before first, with the state that it has; a bot leaves that alone. jq turns
# what happens into answers, one a line, and 'chat send' sends each line. Whoever writes a bot: the texts come from the
# other side, so never hand them to a shell, and answer with one line however many came. A text counts as read once it is
# in the pipe; a bot that must answer each text, even after it was killed, takes 'chat watch --peek', answers what is
# "unread", too, and says 'chat read CHAT ID' when it has answered; the id tells it what it has answered already.
set -eu

chat=${1:?name a conversation: whisperctl chat list}
command -v jq >/dev/null || { echo "answer.sh needs jq: apt install jq" >&2; exit 1; }

chat=$(whisperctl chat find "$chat") # what is heard and what is said belong to one conversation, come what may
whisperctl chat watch --json "$chat" | jq --unbuffered -r '
    select(.event == "chat-message" and .direction == "in" and (has("state") | not))
    | .text | split("\n")[0]
    | if . == "ping" then "pong"
      elif startswith("echo ") then .[5:]
      else empty end
    | select(length > 0)' | whisperctl chat send "$chat" -
