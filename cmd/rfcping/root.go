package main

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/purerfc/purerfc/internal/nearest"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// root builds the command tree.
func (a *app) root() *cobra.Command {
	var c connection
	d := diagnosis{app: a, connection: &c}
	cmd := &cobra.Command{
		Use:   "rfcping [DEST]",
		Short: "Find out why a system cannot be reached by RFC",
		Long: `rfcping walks the way to a system step by step: config, dns, tcp, ni, gateway, logon,
ping, system, metadata, echo, serializer, latency, pool. A message server, routers and proxies (route),
and TLS in place of ni and gateway are steps where a destination has them. Each step has a status, a duration, facts and, when it
fails, a hint; the steps behind a failed one are skipped. The step pool opens several
connections at once; only destinations have it, and whoever asks for it with -c.

DEST is the name of a destination as JCo, the NW RFC SDK or this library know it: an environment
variable RFC_DEST_NAME, a file NAME.jcoDestination (.properties, .json, .yaml) in the working directory
or in $GORFC_DESTINATIONS_DIR, a section of sapnwrfc.ini. Flags and -p KEY=VALUE stand over what it
says. The step config shows every value with its source.

There is one logon attempt at most before the logon has succeeded. Passwords come from an environment variable, a file or a
prompt, and are part of no output.

Exit codes: 0 fine, 1 usage or configuration, 2 DNS, 3 TCP, 4 route or proxy, 5 TLS,
6 gateway or message server, 7 logon, 8 authorization, 9 ABAP error, 10 protocol or decode,
11 limit exceeded, 12 timeout, 13 interrupted.`,
		Example: `  rfcping --embedded
  rfcping --embedded --via socks5
  rfcping A4H
  rfcping --props A4H.jcoDestination -p jco.client.lang=DE
  rfcping --ashost sap1.example.com --sysnr 00 --client 100 --user ALICE --password-env RFC_PASSWORD
  rfcping --ashost sap1.example.com --sysnr 00 --no-logon
  rfcping --mshost ms1.example.com --r3name A4H --group SPACE --client 100 --user ALICE
  rfcping --wshost a4h.example.com --wsport 44300 --client 100 --user ALICE -p TrustStoreLocation=ca.pem
  rfcping --ashost app1 --sysnr 00 --saprouter /H/router.example.com --no-logon
  rfcping --ashost sales.virtual --gwserv 3300 --socks5 connectivityproxy:20004 -p go.proxy.token='${env:TOKEN}'
  rfcping A4H -c 20
  rfcping --embedded --json -n 1000
  rfcping --embedded --record run.pcapng`,
		Args:                       destinationArgument,
		SilenceUsage:               true,
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
		RunE:                       d.run,
	}
	cmd.SetFlagErrorFunc(suggestFlag)
	p := cmd.PersistentFlags()
	p.BoolVar(&a.json, "json", false, "write one JSON document to standard output")
	p.BoolVarP(&a.verbose, "verbose", "v", false, "say more")
	p.BoolVar(&a.quiet, "quiet", false, "say nothing unless something fails")
	a.connectionFlags(cmd, &c)
	f := cmd.Flags()
	f.IntVarP(&d.count, "count", "n", defaultCount, "calls of the step latency, 0 leaves it out")
	f.IntVarP(&d.parallel, "parallel", "c", 0, fmt.Sprintf("connections of the step pool, 0 leaves it out (default: the peak limit of a destination, at most %d; without a destination the step is left out)", defaultParallel))
	f.BoolVar(&c.noLogon, "no-logon", false, "stop before the logon: no credential of a user leaves the process")
	cmd.AddCommand(a.serveCommand(), a.callCommand(), a.describeCommand(), a.searchCommand(), a.decodeCommand(), a.versionCommand())
	return cmd
}

// destinationArgument takes one argument of the root command, a destination.
func destinationArgument(cmd *cobra.Command, args []string) error {
	if len(args) < 2 {
		return nil
	}
	text := fmt.Sprintf("%d arguments for %q, which takes one, a destination", len(args), cmd.CommandPath())
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += "; did you mean the command " + strings.Join(near, " or ") + "?"
	}
	return usageError("%s", text)
}

// arguments wraps a check of cobra, so that its error is one of usage and shows the form.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError("%w (form: %s)", err, cmd.UseLine())
		}
		return nil
	}
}

// suggestFlag adds the flag that was probably meant.
func suggestFlag(cmd *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		if bad, value := errors.AsType[*pflag.InvalidValueError](err); value && bad.GetFlag().Value.Type() == "duration" {
			return usageError("%w (a number with its unit, for example 5s or 1m30s)", err)
		}
		return usageError("%w", err)
	}
	given := unknown.GetSpecifiedName()
	switch strings.ToLower(given) {
	case "password", "passwd", "pass", "pwd", "pw", "p": // -p itself is --property
		// The text of err may hold what was typed behind it.
		return usageError("no such flag: a password is never a flag value, the process list shows it; use --password-env VAR, --password-file FILE or the prompt")
	}
	var flags []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { flags = append(flags, f.Name) })
	if best := nearest.Name(given, flags); best != "" {
		return usageError("%w; did you mean --%s?", err, best)
	}
	return usageError("%w; %s --help lists the flags", err, cmd.CommandPath())
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  arguments(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			v, goVersion, revision := moduleVersion()
			if a.json {
				return a.writeJSON(facts{{"version", v}, {"go", goVersion}, {"revision", revision}})
			}
			line := "rfcping " + v
			if revision != "" {
				line += " " + revision
			}
			return a.line(line + " " + goVersion)
		},
	}
}

// moduleVersion reads what the Go tool stamped into the binary.
func moduleVersion() (version, goVersion, revision string) {
	version = "(devel)"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, "", ""
	}
	if info.Main.Version != "" {
		version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	return version, info.GoVersion, revision
}
