// A provider that knows another one's schema and makes nothing: Terraform reads, checks and plans a
// root with it, mocked, where the real provider cannot be had. The schema lies beside the program as
// schema.json, put there by provider_schema.py.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"path/filepath"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

type attribute struct {
	Type     json.RawMessage `json:"type"`
	Nested   *block          `json:"nested"`
	Nesting  string          `json:"nesting"`
	Required bool            `json:"required"`
	Optional bool            `json:"optional"`
	Computed bool            `json:"computed"`
}

type nestedBlock struct {
	Block   block  `json:"block"`
	Nesting string `json:"nesting"`
	Min     int64  `json:"min"`
	Max     int64  `json:"max"`
}

type block struct {
	Attributes map[string]attribute   `json:"attributes"`
	Blocks     map[string]nestedBlock `json:"blocks"`
}

type provider struct {
	Address   string           `json:"address"`
	Provider  block            `json:"provider"`
	Resources map[string]block `json:"resources"`
	Data      map[string]block `json:"data"`
}

var blockNesting = map[string]tfprotov6.SchemaNestedBlockNestingMode{
	"list":   tfprotov6.SchemaNestedBlockNestingModeList,
	"set":    tfprotov6.SchemaNestedBlockNestingModeSet,
	"single": tfprotov6.SchemaNestedBlockNestingModeSingle,
}

var objectNesting = map[string]tfprotov6.SchemaObjectNestingMode{
	"list":   tfprotov6.SchemaObjectNestingModeList,
	"set":    tfprotov6.SchemaObjectNestingModeSet,
	"single": tfprotov6.SchemaObjectNestingModeSingle,
}

func (b block) attributes() []*tfprotov6.SchemaAttribute {
	var all []*tfprotov6.SchemaAttribute
	for name, a := range b.Attributes {
		one := &tfprotov6.SchemaAttribute{Name: name, Required: a.Required, Optional: a.Optional, Computed: a.Computed}
		if a.Nested != nil {
			one.NestedType = &tfprotov6.SchemaObject{Attributes: a.Nested.attributes(), Nesting: objectNesting[a.Nesting]}
		} else {
			kind, err := tftypes.ParseJSONType(a.Type) //nolint:staticcheck // the one way from JSON
			if err != nil {
				log.Fatalf("%s: %v", name, err)
			}
			one.Type = kind
		}
		all = append(all, one)
	}
	return all
}

func (b block) schema() *tfprotov6.SchemaBlock {
	made := &tfprotov6.SchemaBlock{Attributes: b.attributes()}
	for name, n := range b.Blocks {
		made.BlockTypes = append(made.BlockTypes, &tfprotov6.SchemaNestedBlock{
			TypeName: name, Block: n.Block.schema(), Nesting: blockNesting[n.Nesting], MinItems: n.Min, MaxItems: n.Max,
		})
	}
	return made
}

func schemas(blocks map[string]block) map[string]*tfprotov6.Schema {
	all := map[string]*tfprotov6.Schema{}
	for name, b := range blocks {
		all[name] = &tfprotov6.Schema{Block: b.schema()}
	}
	return all
}

// Everything that a mocked run asks for; the rest of the interface is nil and never called.
type standIn struct {
	tfprotov6.ProviderServer
	known provider
}

func (s standIn) GetProviderSchema(context.Context, *tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	return &tfprotov6.GetProviderSchemaResponse{
		ServerCapabilities: &tfprotov6.ServerCapabilities{},
		Provider:           &tfprotov6.Schema{Block: s.known.Provider.schema()},
		ResourceSchemas:    schemas(s.known.Resources),
		DataSourceSchemas:  schemas(s.known.Data),
	}, nil
}

func (s standIn) ValidateProviderConfig(_ context.Context, asked *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: asked.Config}, nil
}

func (s standIn) ValidateResourceConfig(context.Context, *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return &tfprotov6.ValidateResourceConfigResponse{}, nil
}

func (s standIn) ValidateDataResourceConfig(context.Context, *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	return &tfprotov6.ValidateDataResourceConfigResponse{}, nil
}

func (s standIn) StopProvider(context.Context, *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	return &tfprotov6.StopProviderResponse{}, nil
}

func main() {
	program, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(program), "schema.json"))
	if err != nil {
		log.Fatal(err)
	}
	var known provider
	if err := json.Unmarshal(text, &known); err != nil {
		log.Fatal(err)
	}
	serve := func() tfprotov6.ProviderServer { return standIn{known: known} }
	if err := tf6server.Serve(known.Address, serve); err != nil {
		log.Fatal(err)
	}
}
