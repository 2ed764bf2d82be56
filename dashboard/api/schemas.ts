/** `GET /api/streams/NAME/schemas`: oldest first. */
export interface SchemaList {
  readonly versions: readonly SchemaLine[];
}

export interface SchemaLine {
  readonly version: number;
  readonly id: number;
  readonly type: string;
  readonly fields: number;
  /**
   * The number of differences from the previous version; undefined for the first version, or if
   * either is not Avro.
   */
  readonly changes: number | undefined;
}

/** `GET /api/streams/NAME/schemas/compare?from=1&to=2` */
export interface SchemaComparison {
  readonly from: SchemaLine;
  readonly to: SchemaLine;
  readonly changes: readonly SchemaChange[];
}

export type SchemaChange =
  | {
      readonly kind: 'added' | 'removed';
      readonly path: string;
      readonly field: { readonly type: string; readonly default: string | undefined; readonly doc: string };
    }
  | {
      readonly kind: 'changed';
      /** Empty for the schema itself. */
      readonly path: string;
      readonly property: string;
      readonly from: string | null;
      readonly to: string | null;
    };
