/** The body of every response with a status of 400 or higher. */
export interface ApiError {
  readonly error: { readonly message: string; readonly remedy?: string | undefined };
}
