#!/bin/sh
# Writes the configurations of a Redis and the Sentinel beside it before they start: whether this one is the primary, or
# of whom it is a replica.
#
#   POD_NAME           the name of this pod, which ends with its number
#   SERVICE            the headless service that gives each pod its name
#   REPLICAS           how many there are
#   REPLICA_PASSWORD   of the user `replica`, SENTINEL_PASSWORD of the user `sentinel`
#   RUN, DATA          the folders of what is made anew each time, and of what is kept
set -eu

set_name=${POD_NAME%-*}
me=$POD_NAME.$SERVICE
kept=$DATA/sentinel.conf
primary=

# 1. Whom the other Sentinels follow. Where it is this one, it was away for less time than they wait, and has its file.
number=0
while [ "$number" -lt "$REPLICAS" ]; do
    host=$set_name-$number.$SERVICE
    if [ "$host" != "$me" ] && [ -z "$primary" ]; then
        primary=$(timeout 3 valkey-cli -h "$host" -p 26379 sentinel get-master-addr-by-name pullback 2> /dev/null | head -n 1 | tr -d '\r') || primary=
        case $primary in
            "$set_name"-*."$SERVICE") ;;
            *) primary= ;; # an error in words, or nobody there
        esac
    fi
    number=$((number + 1))
done

# 2. All start at once: whom this one's Sentinel followed last. Where they disagree, the later vote wins when they meet;
# until then the wrong one has no replica, and min-replicas-to-write lets it take nothing.
if [ -z "$primary" ] && [ -s "$kept" ]; then
    primary=$(sed -n 's/^sentinel monitor pullback \([^ ]*\) .*/\1/p' "$kept" | tail -n 1)
fi

# 3. For the very first time: the first.
primary=${primary:-$set_name-0.$SERVICE}

umask 077
{
    echo 'include /etc/redis/redis.conf'
    echo "replica-announce-ip $me"
    echo 'masteruser replica'
    echo "masterauth $REPLICA_PASSWORD"
    echo 'min-replicas-to-write 1'
    echo 'min-replicas-max-lag 5'
    [ "$primary" = "$me" ] || echo "replicaof $primary 6379"
} > "$RUN/redis.conf"

if [ ! -s "$kept" ]; then
    {
        echo 'port 26379'
        echo 'protected-mode no'
        echo "dir $DATA"
        echo 'sentinel resolve-hostnames yes'
        echo 'sentinel announce-hostnames yes'
        echo "sentinel announce-ip $me"
        echo "sentinel monitor pullback $primary 6379 2"
        echo 'sentinel down-after-milliseconds pullback 2000'
        echo 'sentinel failover-timeout pullback 2000'
        echo 'sentinel parallel-syncs pullback 1'
    } > "$kept"
fi
# The password may be another than last time.
sed -i '/^sentinel auth-\(user\|pass\) pullback /d' "$kept"
{
    echo 'sentinel auth-user pullback sentinel'
    echo "sentinel auth-pass pullback $SENTINEL_PASSWORD"
} >> "$kept"
echo "primary: $primary"
