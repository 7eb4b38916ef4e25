#!/bin/bash
# malloc, getenv and SSL_CTX_new of apache2, parent and children, over two graceful restarts, in which mod_ssl and
# all other modules are closed and opened again: requests are answered as before, also over TLS, and what a
# replaced getenv says reaches the pages of every round.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/apache.sh"
. "$HERE/redirects.sh"
need openssl openssl

replacements LIBC
replacements SSL -l:libssl.so.3
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=linger.test -days 2 -keyout "$TMP/key.pem" \
	-out "$TMP/certificate.pem" 2>/dev/null || bail "there is no certificate"
TLS_PORT=$(perl -MIO::Socket::INET -e \
	'print IO::Socket::INET->new(Listen => 1, LocalAddr => $ARGV[0])->sockport' "$ADDRESS")

mkdir "$TMP/www"
echo '<!--#echo var="LINGER_SAYS" --> <!--#echo var="LC_ALL" -->' >"$TMP/www/page.shtml"
echo 'text/plain txt' >"$TMP/mime.types"
for name in mpm_prefork authz_core authz_host dir env filter headers include mime socache_shmcb ssl status; do
	echo "LoadModule ${name}_module $MODULES/mod_$name.so"
done >"$TMP/modules.conf"
cat >"$TMP/apache.conf" <<-END
	ServerRoot $TMP
	ServerName linger.test
	PidFile $TMP/apache.pid
	DefaultRuntimeDir $TMP
	Listen $ADDRESS:$PORT
	Listen $ADDRESS:$TLS_PORT
	Include $TMP/modules.conf
	$([ "$(id -u)" -ne 0 ] || printf 'User www-data\nGroup www-data')
	StartServers 2
	MinSpareServers 1
	MaxSpareServers 2
	MaxRequestWorkers 2
	ServerLimit 2
	ErrorLog $TMP/error.log
	ErrorLogFormat "%m: %M"
	LogLevel warn mpm_prefork:notice ssl:crit
	DocumentRoot $TMP/www
	TypesConfig $TMP/mime.types
	AddOutputFilter INCLUDES .shtml
	PassEnv LINGER_SAYS LC_ALL
	<Directory $TMP/www>
		Require all granted
		Options +Includes
	</Directory>
	<Location /server-status>
		SetHandler server-status
	</Location>
	<VirtualHost $ADDRESS:$TLS_PORT>
		ServerName linger.test
		SSLEngine on
		SSLCertificateFile $TMP/certificate.pem
		SSLCertificateKeyFile $TMP/key.pem
	</VirtualHost>
END

# get_tls PATH: the body alone.
get_tls() {
	printf 'GET %s HTTP/1.0\r\nHost: linger.test\r\n\r\n' "$1" |
		timeout 20 openssl s_client -quiet -connect "$ADDRESS:$TLS_PORT" 2>/dev/null | tr -d '\r' | sed '1,/^$/d'
}

# apache2 signals its whole process group when it ends: that must not be ours.
serve() {
	local round status
	: >"$TMP/error.log"
	"${UNDER[@]}" setsid apache2 -D FOREGROUND -f "$TMP/apache.conf" &
	server=$!
	for round in 1 2 3; do
		until_true resumed "$round" || break
		until_true settled || break
		echo "round $round: $(get /page.shtml | tail -1), TLS: $(get_tls /page.shtml)"
		until_true settled || break
		[ "$round" -eq 3 ] || kill -USR1 "$server"
	done
	kill -TERM "$server" 2>/dev/null
	wait "$server"
	status=$?
	server=
	grep -v 'PassEnv variable' "$TMP/error.log"
	return "$status"
}

same_redirected serve 'malloc getenv SSL_CTX_new' "malloc=$TMP/LIBC.so#pass_malloc" \
	"getenv=$TMP/LIBC.so#pass_getenv" "SSL_CTX_new=$TMP/SSL.so#pass_SSL_CTX_new"
is "the program works" "$(grep -c 'round .: (none) C.UTF-8, TLS: (none) C.UTF-8' "$TMP/bare.out")" 3

redirected other variable serve "getenv=$TMP/LIBC.so#other_getenv" "malloc=$TMP/LIBC.so#other_malloc" \
	"SSL_CTX_new=$TMP/SSL.so#pass_SSL_CTX_new"
were_called other malloc getenv SSL_CTX_new
is "other: what is asked for is something else" "$(cat "$TMP/other.out")" \
	"$(sed 's/(none)/something else/g' "$TMP/bare.out")"

redirected none option serve "SSL_CTX_new=$TMP/SSL.so#other_SSL_CTX_new"
were_called none SSL_CTX_new
like "none: without SSL_CTX_new there is no server" "$(cat "$TMP/none.out")" 'Unable to initialize|SSL context|ssl:'
