# What a job of these tests runs: worker.sh SIDE MILLIS HABIT
#
# Every line is one append. A process that finds its predecessor alive says so itself, by pid and start time, so that no
# clock is needed to see that two attempts of a run overlap.
side=$1 seconds=$2 habit=$3
read -r self < /proc/$$/stat
set -- $self
who="$1:${22}"

alive() {
    was=${1%:*}
    [ -r "/proc/$was/stat" ] && read -r other < "/proc/$was/stat" || return 1
    set -- "${1#*:}" $other
    [ "$4" != Z ] && [ "${23}" = "$1" ]
} 2> /dev/null

if [ "$habit" = finalizer ]; then
    echo "finalizer $STEADFAST_RUN $STEADFAST_IDEMPOTENCY_KEY $STEADFAST_TOKEN $STEADFAST_ENDING" >> "$side/log"
    exit 0
fi

run=$STEADFAST_RUN number=$STEADFAST_ATTEMPT token=$STEADFAST_TOKEN
echo "begin $run $number $token $who" >> "$side/log"
for last in "$side/leader.$run" "$side/left.$run"; do
    [ -f "$last" ] && read -r before < "$last" && alive "$before" && echo "overlap $run $number $token $before" >> "$side/log"
done
echo "$who" > "$side/leader.$run"

if [ "$habit" = litter ]; then
    sleep 60 &
    read -r child < /proc/$!/stat
    set -- $child
    echo "$1:${22}" > "$side/left.$run"
fi

if [ "$habit" = stubborn ]; then
    (trap "" TERM; exec sleep 60) &
    read -r child < /proc/$!/stat
    set -- $child
    echo "$1:${22}" > "$side/left.$run"
fi

if [ "$habit" = chatter ]; then
    head -c 3000000 /dev/zero
fi

sleep "$seconds"
case $(((run * 7 + number * 3) % 5)) in
0) echo "end $run $number $token 1" >> "$side/log"; exit 1 ;;
1) echo "end $run $number $token killed" >> "$side/log"; kill -9 $$ ;;
*) echo "end $run $number $token 0" >> "$side/log"; exit 0 ;;
esac
