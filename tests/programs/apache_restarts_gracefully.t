#!/bin/bash
# A private apache2 with 40 modules, mod_perl and PHP among them: start, serve, three graceful
# restarts with requests between, stop. Each restart unloads every module and loads it again.
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/apache.sh"

LOADED="mpm_prefork access_compat actions alias allowmethods auth_basic auth_digest authn_anon
	authn_core authn_file authz_core authz_groupfile authz_host authz_user autoindex cache
	cache_disk dav dav_fs deflate dir env expires ext_filter filter headers include info mime
	negotiation proxy proxy_http reqtimeout request rewrite session session_cookie setenvif ssl
	status substitute unique_id vhost_alias perl php"
CHILDREN=2

# Children become another user, who must reach the pages and his log.
configure() {
	local name file
	mkdir -p "$TMP/www"
	chmod 755 "$TMP" "$TMP/www"
	echo 'text/plain txt' >"$TMP/mime.types"
	echo 'a plain page' >"$TMP/www/plain.txt"
	echo '<!--#echo var="DOCUMENT_NAME" -->' >"$TMP/www/include.shtml"
	printf '%s\n' '<?php echo "php ", array_sum([40, 2]), " ", ctype_digit("42") ? "yes" : "no", "\n";' \
		>"$TMP/www/page.php"
	cat >"$TMP/www/startup.pl" <<'END'
package Linger::Page;
use strict;
use warnings;
use POSIX ();
use List::Util ();
use Apache2::RequestRec ();
use Apache2::RequestIO ();
use Apache2::Const -compile => 'OK';
sub handler {
	my $r = shift;
	$r->content_type('text/plain');
	$r->print('perl ', List::Util::sum(40, POSIX::floor(2.5)), "\n");
	return Apache2::Const::OK;
}
1;
END
	for name in $LOADED; do
		file=$MODULES/mod_$name.so
		# The file of PHP carries its version, its module does not always.
		[ "$name" != php ] || file=$(compgen -G "$MODULES/libphp*.so" | head -1)
		echo "LoadModule ${name}_module $file"
	done >"$TMP/modules.conf"
	cat >"$TMP/apache.conf" <<-END
		ServerRoot $TMP
		ServerName linger.test
		PidFile $TMP/apache.pid
		DefaultRuntimeDir $TMP
		Listen $ADDRESS:$PORT
		Include $TMP/modules.conf
		$([ "$(id -u)" -ne 0 ] || printf 'User www-data\nGroup www-data')
		StartServers $CHILDREN
		MinSpareServers 1
		MaxSpareServers $CHILDREN
		MaxRequestWorkers $CHILDREN
		ServerLimit $CHILDREN
		ErrorLog $TMP/error.log
		ErrorLogFormat "%m: %M"
		LogLevel warn mpm_prefork:notice
		DocumentRoot $TMP/www
		TypesConfig $TMP/mime.types
		AddHandler application/x-httpd-php .php
		AddOutputFilter INCLUDES .shtml
		PerlRequire $TMP/www/startup.pl
		<Directory $TMP/www>
			Require all granted
			Options +Includes
		</Directory>
		<Location /perl>
			SetHandler perl-script
			PerlResponseHandler Linger::Page
		</Location>
		<Location /server-status>
			SetHandler server-status
		</Location>
		RewriteEngine on
		RewriteRule ^/rewritten$ /plain.txt
	END
}

serve() {
	local preload=${LD_PRELOAD:-} round path status
	unset LD_PRELOAD
	: >"$TMP/error.log"
	# apache2 signals its whole process group when it ends: that must not be ours.
	LD_PRELOAD=$preload setsid apache2 -D FOREGROUND -f "$TMP/apache.conf" &
	server=$!
	for round in 1 2 3 4; do
		until_true resumed "$round" || break
		until_true settled || break
		echo "round $round"
		for path in /plain.txt /include.shtml /page.php /perl /rewritten /not-there; do
			get "$path" | grep -v '<address>'
		done
		until_true settled || break
		[ "$round" -eq 4 ] || kill -USR1 "$server"
	done
	kill -TERM "$server" 2>/dev/null
	wait "$server"
	status=$?
	server=
	cat "$TMP/error.log"
	return "$status"
}

configure
same_with_linger serve
like "the program works" "$(cat "$TMP/bare.out")" \
	'round 4.*a plain page.*include.shtml.*php 42 yes.*perl 42.*a plain page.*404 Not Found'
is "the parent and its children count" "$(counted counted | grep -c apache2)" $((4 * CHILDREN + 1))
really dlopen 200
really dlclose 200
really unload 200
