"""Delivering: galleries and their guests, exports, webhooks.

Revision: 0004_delivering
After: 0003_culling
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004_delivering"
down_revision = "0003_culling"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    _galleries()
    _guests()
    _exports()
    _webhooks()


def _galleries() -> None:
    op.create_table(
        "galleries",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("share_slug", sa.String(32), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("watermark", sa.Boolean(), nullable=False),
        sa.Column("watermark_settings", postgresql.JSONB(), nullable=False),
        sa.Column("watermark_key", sa.Text(), nullable=True),
        sa.Column("watermark_version", sa.String(16), nullable=False),
        sa.Column("downloads", sa.String(32), nullable=False),
        sa.Column("comments_allowed", sa.Boolean(), nullable=False),
        sa.Column("favorites_allowed", sa.Boolean(), nullable=False),
        sa.Column("filenames_shown", sa.Boolean(), nullable=False),
        sa.Column("cover_asset_id", sa.Uuid(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_galleries_created_by"),
        sa.ForeignKeyConstraint(
            ["project_id", "cover_asset_id"],
            ["assets.project_id", "assets.id"],
            name="fk_galleries_cover",
            ondelete="SET NULL (cover_asset_id)",
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_galleries_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_galleries"),
        sa.UniqueConstraint("project_id", "id", name="uq_galleries_project_id_id"),
        sa.UniqueConstraint("share_slug", name="uq_galleries_share_slug"),
    )
    op.create_table(
        "gallery_sections",
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("gallery_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "gallery_id"],
            ["galleries.project_id", "galleries.id"],
            name="fk_gallery_sections_gallery",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_gallery_sections"),
        sa.UniqueConstraint("gallery_id", "id", name="uq_gallery_sections_gallery_id_id"),
    )
    op.create_table(
        "gallery_assets",
        sa.Column("gallery_id", sa.Uuid(), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("section_id", sa.Uuid(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("edit_version_id", sa.Uuid(), nullable=True),
        sa.Column("pinned_sha256", sa.String(64), nullable=True),
        sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gallery_id", "section_id"],
            ["gallery_sections.gallery_id", "gallery_sections.id"],
            name="fk_gallery_assets_section",
            ondelete="SET NULL (section_id)",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "asset_id"],
            ["assets.project_id", "assets.id"],
            name="fk_gallery_assets_asset",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "gallery_id"],
            ["galleries.project_id", "galleries.id"],
            name="fk_gallery_assets_gallery",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("gallery_id", "asset_id", name="pk_gallery_assets"),
    )
    op.create_index("ix_gallery_assets_asset_id", "gallery_assets", ["asset_id"], unique=False)
    op.create_index("ix_gallery_assets_order", "gallery_assets", ["gallery_id", "position", "asset_id"], unique=False)
    op.create_table(
        "gallery_files",
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("guest_id", sa.Uuid(), nullable=True),
        sa.Column("rendition", sa.String(32), nullable=False),
        sa.Column("basis", sa.String(32), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("byte_size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("crc32", sa.BigInteger(), nullable=False),
        sa.Column("width_px", sa.Integer(), nullable=True),
        sa.Column("height_px", sa.Integer(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("gallery_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "asset_id"],
            ["assets.project_id", "assets.id"],
            name="fk_gallery_files_asset",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "gallery_id"],
            ["galleries.project_id", "galleries.id"],
            name="fk_gallery_files_gallery",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_gallery_files"),
        sa.UniqueConstraint("key", name="uq_gallery_files_key"),
    )
    op.create_index("ix_gallery_files_asset_id", "gallery_files", ["asset_id"], unique=False)
    op.create_index(
        "uq_gallery_files_rendition",
        "gallery_files",
        ["gallery_id", "asset_id", "rendition", "guest_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "gallery_proposals",
        sa.Column("gallery_id", sa.Uuid(), nullable=False),
        sa.Column("guest_id", sa.Uuid(), nullable=False),
        sa.Column("cluster_id", sa.Uuid(), nullable=False),
        sa.Column("winner_asset_id", sa.Uuid(), nullable=False),
        sa.Column("favored_asset_id", sa.Uuid(), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name="fk_gallery_proposals_decided_by"),
        sa.ForeignKeyConstraint(
            ["project_id", "gallery_id"],
            ["galleries.project_id", "galleries.id"],
            name="fk_gallery_proposals_gallery",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_gallery_proposals"),
    )
    op.create_index("ix_gallery_proposals_project_id", "gallery_proposals", ["project_id", "id"], unique=False)
    op.create_index(
        "uq_gallery_proposals_pair", "gallery_proposals", ["gallery_id", "cluster_id", "favored_asset_id"], unique=True
    )


def _guests() -> None:
    op.create_table(
        "gallery_guests",
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("gallery_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "gallery_id"],
            ["galleries.project_id", "galleries.id"],
            name="fk_gallery_guests_gallery",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_gallery_guests"),
        sa.UniqueConstraint("gallery_id", "id", name="uq_gallery_guests_gallery_id_id"),
    )
    op.create_table(
        "gallery_favorites",
        sa.Column("gallery_id", sa.Uuid(), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("guest_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gallery_id", "guest_id"],
            ["gallery_guests.gallery_id", "gallery_guests.id"],
            name="fk_gallery_favorites_guest",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "asset_id"],
            ["assets.project_id", "assets.id"],
            name="fk_gallery_favorites_asset",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("gallery_id", "asset_id", "guest_id", name="pk_gallery_favorites"),
    )
    op.create_index("ix_gallery_favorites_asset_id", "gallery_favorites", ["asset_id"], unique=False)
    op.create_index("ix_gallery_favorites_guest_id", "gallery_favorites", ["gallery_id", "guest_id"], unique=False)
    op.create_index("ix_gallery_favorites_project_id", "gallery_favorites", ["project_id"], unique=False)
    op.create_table(
        "gallery_comments",
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("guest_id", sa.Uuid(), nullable=True),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("author_name", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("x", sa.Double(), nullable=True),
        sa.Column("y", sa.Double(), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Uuid(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("gallery_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("(guest_id IS NULL) <> (user_id IS NULL)", name="ck_gallery_comments_author"),
        sa.CheckConstraint(
            "(x IS NULL) = (y IS NULL) AND x BETWEEN 0 AND 1 AND y BETWEEN 0 AND 1", name="ck_gallery_comments_spot"
        ),
        sa.ForeignKeyConstraint(
            ["gallery_id", "guest_id"],
            ["gallery_guests.gallery_id", "gallery_guests.id"],
            name="fk_gallery_comments_guest",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["gallery_id", "parent_id"],
            ["gallery_comments.gallery_id", "gallery_comments.id"],
            name="fk_gallery_comments_parent",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "asset_id"],
            ["assets.project_id", "assets.id"],
            name="fk_gallery_comments_asset",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["resolved_by"], ["users.id"], name="fk_gallery_comments_resolved_by"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_gallery_comments_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_gallery_comments"),
        sa.UniqueConstraint("gallery_id", "id", name="uq_gallery_comments_gallery_id_id"),
    )
    op.create_index("ix_gallery_comments_asset_id", "gallery_comments", ["gallery_id", "asset_id", "id"], unique=False)
    op.create_index("ix_gallery_comments_project_id", "gallery_comments", ["project_id"], unique=False)
    op.create_table(
        "selection_lists",
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("min_count", sa.Integer(), nullable=True),
        sa.Column("max_count", sa.Integer(), nullable=True),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("gallery_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "min_count >= 0 AND max_count >= 1 AND min_count <= max_count", name="ck_selection_lists_bounds"
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "gallery_id"],
            ["galleries.project_id", "galleries.id"],
            name="fk_selection_lists_gallery",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_selection_lists"),
        sa.UniqueConstraint("gallery_id", "id", name="uq_selection_lists_gallery_id_id"),
    )
    op.create_table(
        "selections",
        sa.Column("list_id", sa.Uuid(), nullable=False),
        sa.Column("guest_id", sa.Uuid(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gallery_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gallery_id", "guest_id"],
            ["gallery_guests.gallery_id", "gallery_guests.id"],
            name="fk_selections_guest",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["gallery_id", "list_id"],
            ["selection_lists.gallery_id", "selection_lists.id"],
            name="fk_selections_list",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("list_id", "guest_id", name="pk_selections"),
    )
    op.create_index("ix_selections_gallery_id", "selections", ["gallery_id"], unique=False)
    op.create_index("ix_selections_project_id", "selections", ["project_id"], unique=False)
    op.create_table(
        "selected_assets",
        sa.Column("list_id", sa.Uuid(), nullable=False),
        sa.Column("guest_id", sa.Uuid(), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gallery_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["list_id", "guest_id"],
            ["selections.list_id", "selections.guest_id"],
            name="fk_selected_assets_selection",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "asset_id"],
            ["assets.project_id", "assets.id"],
            name="fk_selected_assets_asset",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("list_id", "guest_id", "asset_id", name="pk_selected_assets"),
    )
    op.create_index("ix_selected_assets_asset_id", "selected_assets", ["asset_id"], unique=False)
    op.create_index("ix_selected_assets_gallery_id", "selected_assets", ["gallery_id"], unique=False)
    op.create_index("ix_selected_assets_project_id", "selected_assets", ["project_id"], unique=False)
    op.create_table(
        "gallery_activity",
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=True),
        sa.Column("details", postgresql.JSONB(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("guest_id", sa.Uuid(), nullable=True),
        sa.Column("gallery_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gallery_id", "guest_id"],
            ["gallery_guests.gallery_id", "gallery_guests.id"],
            name="fk_gallery_activity_guest",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "gallery_id"],
            ["galleries.project_id", "galleries.id"],
            name="fk_gallery_activity_gallery",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_gallery_activity"),
    )
    op.create_index("ix_gallery_activity_gallery_id", "gallery_activity", ["gallery_id", "id"], unique=False)
    op.create_index("ix_gallery_activity_guest_id", "gallery_activity", ["gallery_id", "guest_id", "id"], unique=False)
    op.create_table(
        "gallery_guesses",
        sa.Column("gallery_id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("window_ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["gallery_id"], ["galleries.id"], name="fk_gallery_guesses_gallery_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("gallery_id", "address", name="pk_gallery_guesses"),
    )
    op.create_index("ix_gallery_guesses_window_ends_at", "gallery_guesses", ["window_ends_at"], unique=False)


def _exports() -> None:
    op.create_table(
        "exports",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("gallery_id", sa.Uuid(), nullable=True),
        sa.Column("preset", sa.String(32), nullable=False),
        sa.Column("settings", postgresql.JSONB(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("byte_size", sa.BigInteger(), nullable=False),
        sa.Column("error_code", sa.String(32), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_exports_created_by"),
        sa.ForeignKeyConstraint(
            ["project_id", "gallery_id"],
            ["galleries.project_id", "galleries.id"],
            name="fk_exports_gallery",
            ondelete="SET NULL (gallery_id)",
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_exports_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_exports"),
        sa.UniqueConstraint("project_id", "id", name="uq_exports_project_id_id"),
    )
    op.create_index(
        "ix_exports_expires_at", "exports", ["expires_at"], unique=False, postgresql_where=sa.text("expired_at IS NULL")
    )
    op.create_index("ix_exports_job_id", "exports", ["job_id"], unique=False)
    op.create_table(
        "export_items",
        sa.Column("export_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("error_code", sa.String(32), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "asset_id"],
            ["assets.project_id", "assets.id"],
            name="fk_export_items_asset",
            ondelete="SET NULL (asset_id)",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "export_id"],
            ["exports.project_id", "exports.id"],
            name="fk_export_items_export",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("export_id", "position", name="pk_export_items"),
    )
    op.create_index("ix_export_items_asset_id", "export_items", ["asset_id"], unique=False)
    op.create_table(
        "export_files",
        sa.Column("export_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("byte_size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("crc32", sa.BigInteger(), nullable=False),
        sa.Column("width_px", sa.Integer(), nullable=True),
        sa.Column("height_px", sa.Integer(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "export_id"],
            ["exports.project_id", "exports.id"],
            name="fk_export_files_export",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_export_files"),
        sa.UniqueConstraint("key", name="uq_export_files_key"),
    )
    op.create_index("uq_export_files_part", "export_files", ["export_id", "position", "part"], unique=True)


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("event_names", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("filters", postgresql.JSONB(), nullable=False),
        sa.Column("secret_version", sa.Integer(), nullable=False),
        sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_why", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_webhooks_created_by"),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_webhooks_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
        sa.UniqueConstraint("project_id", "id", name="uq_webhooks_project_id_id"),
    )
    op.create_index(
        "ix_webhooks_active", "webhooks", ["project_id"], unique=False, postgresql_where=sa.text("disabled_at IS NULL")
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("event_name", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "webhook_id"],
            ["webhooks.project_id", "webhooks.id"],
            name="fk_webhook_deliveries_webhook",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
    )
    op.create_index(
        "ix_webhook_deliveries_due",
        "webhook_deliveries",
        ["webhook_id", "next_at"],
        unique=False,
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index("ix_webhook_deliveries_updated_at", "webhook_deliveries", ["updated_at"], unique=False)
    op.create_index("ix_webhook_deliveries_webhook_id", "webhook_deliveries", ["webhook_id", "id"], unique=False)
    op.create_index("uq_webhook_deliveries_event", "webhook_deliveries", ["webhook_id", "epoch", "seq"], unique=True)


def downgrade() -> None:
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")
    op.drop_table("export_files")
    op.drop_table("export_items")
    op.drop_table("exports")
    op.drop_table("gallery_guesses")
    op.drop_table("gallery_activity")
    op.drop_table("selected_assets")
    op.drop_table("selections")
    op.drop_table("selection_lists")
    op.drop_table("gallery_comments")
    op.drop_table("gallery_favorites")
    op.drop_table("gallery_guests")
    op.drop_table("gallery_proposals")
    op.drop_table("gallery_files")
    op.drop_table("gallery_assets")
    op.drop_table("gallery_sections")
    op.drop_table("galleries")
