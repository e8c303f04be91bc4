package fuzz_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/purerfc/purerfc/destination"
)

var propertiesTexts = []string{
	"", "# direct connection\njco.client.ashost=sales-qa.virtual\njco.client.sysnr=07\njco.client.client=210\njco.client.user=RFC_READER\njco.client.passwd=x=y\njco.client.lang=EN\n",
	"jco.client.ashost = h\r\njco.client.sysnr:00\rjco.destination.pool_capacity=3\njco.destination.peak_limit=8\njco.client.delta=false\n",
	"ASHOST=h\nSYSNR=00\nUSER=ME\nPASSWD=\\u00e4\\ud83d\\ude00\nmine=a,\\\n   b\nTRACE=2\nProxyType=Local\nAuthentication=BasicAuthentication\n",
	"jco.client.gwhost=[2001:db8::1]\njco.client.gwserv=sapgw17\njco.client.serialization_format=columnBased\njco.client.network=WAN\njco.client.use_basxml=1\n",
	"go.call.timeout_ms=1500\ngo.keepalive_ms=1\ngo.logon.timeout_ms=3600000\njco.client.saprouter=/H/r/W/p/H/\njco.client.ashots=1\n",
	"\xef\xbb\xbfjco.client.user=gr\xc3\xbc\xc3\x9f\n", "a=gr\xfc\xdf\n", "a b\n", "a=\\u12", "a\\ b\\=c=\\t\\n\\\\", "jco.client.msservice=3600\njco.pool.x=1\nNO_COMPRESSION=1\n",
	"jco.client.ashost=h\njco.client.sysnr=00\njco.client.pcs=2\njco.client.codepage=4103\njco.destination.repository.user=U\njco.destination.repository.passwd=\\ p \n",
}

// equalPairs compares keys and values in order.
func equalPairs(a, b destination.Properties) bool {
	list := func(p destination.Properties) (out []string) {
		for k, v := range p.All() {
			out = append(out, k, v)
		}
		return out
	}
	return reflect.DeepEqual(list(a), list(b))
}

// FuzzProperties reads documents: what was read is written and read again without a change,
// and so is the Config that is made of it.
func FuzzProperties(f *testing.F) {
	for _, s := range propertiesTexts {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		p, err := destination.ReadProperties(doc, "doc")
		if err != nil {
			return
		}
		text := p.Reveal()
		again, err := destination.ReadProperties([]byte(text), "again")
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if !equalPairs(p, again) {
			t.Fatalf("%q: read again it differs", text)
		}
		if p.Fingerprint() != again.Fingerprint() {
			t.Fatal("the fingerprints differ")
		}
		if _, _, err := destination.ParseProperties("A", p); err == nil {
			if _, _, err := destination.ParseProperties("A", p, destination.Lenient()); err != nil {
				t.Fatalf("%q: what is in order is not when it may be less so: %v", text, err)
			}
		}
		cfg, eff, err := destination.ParseProperties("A", p, destination.Lenient())
		if eff == nil {
			t.Fatal("no effective view")
		}
		if err != nil {
			return
		}
		if err := cfg.Validate(); err != nil {
			t.Fatalf("%q: a Config in order is refused: %v", text, err)
		}
		out := cfg.Properties()
		cfg2, eff2, err := destination.ParseProperties("A", out, destination.Lenient())
		if err != nil {
			t.Fatalf("%q became %q: %v", text, out.Reveal(), err)
		}
		if out2 := cfg2.Properties(); !equalPairs(out, out2) {
			t.Fatalf("%q became %q became %q", text, out.Reveal(), out2.Reveal())
		}
		a, b := cfg, cfg2
		a.Additional, b.Additional = destination.Properties{}, destination.Properties{}
		if !reflect.DeepEqual(a, b) || !equalPairs(cfg.Additional, cfg2.Additional) {
			t.Fatalf("%q: the Config differs: %+v and %+v", text, cfg, cfg2)
		}
		for _, v := range eff2.Values {
			if v.Secret && v.Value != "" && v.Value != "***" {
				t.Fatalf("%s is shown", v.Key)
			}
		}
	})
}

// FuzzDestinationDocuments reads arbitrary JSON and sapnwrfc.ini.
func FuzzDestinationDocuments(f *testing.F) {
	for _, s := range []string{
		`{"ASHOST":"h","SYSNR":"00","GWSERV":3300,"x":null,"y":true}`,
		`{"A":{"ASHOST":"h"},"B":{"ASHOST":"i"}}`,
		`{"owner":{"a":null},"destinationConfiguration":{"Name":"A","Type":"RFC","jco.client.ashost":"h","$metadata":{}},"authTokens":[]}`,
		"RFC_TRACE=0\n/* x\n*/\nDEST=A\nASHOST=h\nPASSWD=a=b\nDEST=B\n",
		`{"a":"\ud800"}`, "[A]\n", "DEST=", "{", `{"a":{`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		for _, format := range []destination.Format{destination.JSONFormat, destination.INIFormat, destination.PropertiesFormat} {
			members, err := format(doc)
			if err == nil && len(members) > len(doc) {
				t.Fatalf("%d members of %d bytes", len(members), len(doc))
			}
		}
		env := &destination.Environment{Lookup: func(name string) (string, bool) { return string(doc), name == "RFC_DEST_A" }}
		p, err := env.Load(t.Context(), "A")
		if err != nil {
			return
		}
		_, eff, err := destination.ParseProperties("A", p)
		for _, text := range []string{eff.String(), p.String()} {
			if strings.ContainsRune(text, 0x1b) {
				t.Fatalf("an escape comes through: %q", text)
			}
		}
		if err == nil && eff.Destination != "A" {
			t.Fatal("no name")
		}
	})
}
